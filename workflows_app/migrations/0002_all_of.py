"""The function by which a statement fails if it did not write all the rows that it should."""

from django.db import migrations

CREATE = """
CREATE FUNCTION workflows_app_all_of(keys bigint[], wanted integer) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(cardinality(keys), 0) <> wanted THEN
        RAISE EXCEPTION 'Not %, but % rows were written.', wanted, coalesce(cardinality(keys), 0);
    END IF;
    RETURN keys;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('workflows_app', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION workflows_app_all_of(bigint[], integer)"),
    ]
