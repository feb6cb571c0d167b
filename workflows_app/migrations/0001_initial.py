"""All tables, each with its constraints, indexes and triggers: adding those one by one takes seconds more."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import django_fsm
import pgtrigger.compiler
import simple_history.models
import workflows_app.models.guards
import workflows_app.models.words
from django.conf import settings
from django.db import migrations, models


# `workflows_app_all_of`: by it a statement fails if it did not write all the rows that it should.
# `workflows_words`: what stands between words, besides what PostgreSQL's parser takes for it, which would make of
# "INV/2026-001" a path and a negative number. Points and commas stay: by them it knows numbers as "12.50". Not by
# `translate`, which takes far longer.
FUNCTIONS = """
CREATE FUNCTION workflows_app_all_of(keys bigint[], wanted integer) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(cardinality(keys), 0) <> wanted THEN
        RAISE EXCEPTION 'Not %, but % rows were written.', wanted, coalesce(cardinality(keys), 0);
    END IF;
    RETURN keys;
END $$;
CREATE FUNCTION workflows_words(text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT strip(to_tsvector('pg_catalog.simple'::regconfig,
        replace(replace(replace(replace(replace(left($1, 20000), '-', ' '), '/', ' '), '_', ' '), '@', ' '), '+', ' ')))
$$;
CREATE FUNCTION workflows_values(jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(value #>> '{}', ' '), '')
      FROM jsonb_path_query($1, 'strict $.** ? (@.type() == "string" || @.type() == "number")') value
$$;
"""
NO_FUNCTIONS = """
DROP FUNCTION workflows_values(jsonb);
DROP FUNCTION workflows_words(text);
DROP FUNCTION workflows_app_all_of(bigint[], integer);
"""

# A run is updated three times within seconds: with room on its page, a new version of it needs no entry in its indexes
# as long as its status stays, and takes the place of one that nobody sees any more.
ROOM = "ALTER TABLE workflows_app_run SET (fillfactor = 50)"
NO_ROOM = "ALTER TABLE workflows_app_run RESET (fillfactor)"


def install_triggers(apps, schema_editor):
    """Install them again: only a schema editor that pgtrigger has patched makes a table with its triggers."""
    for model in apps.get_app_config('workflows_app').get_models():
        for trigger in getattr(model._meta, 'triggers', []):
            schema_editor.execute(trigger.install_sql, params=None)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.CreateModel(
            name='Workflow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=100, unique=True)),
                ('title', models.CharField(max_length=200)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('paused', 'Paused')], default='active', max_length=10, protected=True)),
                ('secret_names', models.JSONField(blank=True, default=list)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['slug'],
                'permissions': [('pause_workflow', 'Can pause and resume workflows'), ('retire_workflow', 'Can retire workflows that are no longer in the code'), ('run_producers', 'Can run producers now')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused'])), name='workflow_status_known')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='8c8c223d56e15675921ed0e22489ed4fda9839c5', operation='DELETE', pgid='pgtrigger_never_deleted_c002b', table='workflows_app_workflow', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='31f9ff8c8745df5322c29d6de67ddeadeb8d95b3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_36e2a', table='workflows_app_workflow', when='BEFORE'))],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='Handler',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('producer', 'Producer'), ('consumer', 'Consumer')], max_length=10)),
                ('is_current', models.BooleanField(default=True)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handlers', to='workflows_app.workflow')),
            ],
            options={
                'ordering': ['workflow', 'kind', 'name'],
                'constraints': [models.UniqueConstraint(fields=('workflow', 'name'), name='one_handler_per_name')],
            },
        ),
        migrations.CreateModel(
            name='Input',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=100)),
                ('type', models.CharField(max_length=100)),
                ('external_id', models.CharField(max_length=200)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='inputs', to='workflows_app.workflow')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [django.contrib.postgres.indexes.GinIndex(workflows_app.models.words.Words('title', 'external_id'), name='input_words'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='input_by_date')],
                'constraints': [models.UniqueConstraint(fields=('workflow', 'source', 'type', 'external_id'), name='one_input_per_identity')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f3bcb0e68e5eb7a45e517b3187b48ea8f35bba92', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f8dd7', table='workflows_app_input', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='4c90e6ec9731b34d6dea74f4f5251177a41d0304', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_e7e98', table='workflows_app_input', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='MachineClock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('machine', models.CharField(max_length=255, unique=True)),
                ('seconds_ahead', models.FloatField()),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Mutation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mutator', models.CharField(max_length=100)),
                ('params', models.JSONField()),
                ('target', models.CharField(blank=True, max_length=300)),
                ('idempotency_key', models.CharField(max_length=64)),
                ('status', django_fsm.FSMField(choices=[('in_flight', 'in flight'), ('applied', 'Applied'), ('failed', 'did not happen'), ('needs_reconcile', 'needs reconcile'), ('indeterminate', 'Unknown'), ('skipped', 'Skipped')], default='in_flight', max_length=20, protected=True)),
                ('result', models.JSONField(blank=True, null=True)),
                ('sent_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('reconcile_attempts', models.PositiveIntegerField(default=0)),
                ('next_reconcile_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, choices=[('response', 'the answer to the call'), ('reconcile', 'asking the outside system'), ('operator', 'a person')], max_length=10)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('view_sensitive', 'Can see values that are masked for others'), ('export', 'Can export lists')],
                'indexes': [models.Index(fields=['idempotency_key'], name='mutation_key', opclasses=['varchar_pattern_ops']), models.Index(condition=models.Q(('status__in', ['in_flight', 'needs_reconcile', 'indeterminate'])), fields=['status'], name='mutation_unknown'), models.Index(condition=models.Q(('status', 'needs_reconcile')), fields=['next_reconcile_at'], name='mutation_due'), models.Index(condition=models.Q(('resolved_by', 'operator')), fields=['id'], name='mutation_decided'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['sent_at'], name='mutation_by_time'), django.contrib.postgres.indexes.GinIndex(workflows_app.models.words.Words('target', workflows_app.models.words.Values('params'), workflows_app.models.words.Values('result')), condition=models.Q(('status__in', ['applied', 'failed', 'skipped', 'indeterminate'])), name='mutation_words')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['in_flight', 'applied', 'failed', 'needs_reconcile', 'indeterminate', 'skipped'])), name='mutation_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['applied', 'failed', 'skipped']), models.Q(('resolved_by', ''), _negated=True)), models.Q(('status__in', ['in_flight', 'needs_reconcile', 'indeterminate']), ('resolved_by', '')), _connector='OR'), name='resolved_by_iff_settled'), models.CheckConstraint(condition=models.Q(models.Q(('next_reconcile_at__isnull', False), ('status', 'needs_reconcile')), models.Q(models.Q(('status', 'needs_reconcile'), _negated=True), ('next_reconcile_at__isnull', True)), _connector='OR'), name='due_iff_needs_reconcile')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='1ee31c02d3e6d504a87e1fd84b2560400be3c4df', operation='DELETE', pgid='pgtrigger_never_deleted_8151c', table='workflows_app_mutation', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='fb4d29401eda968c3c32bdab9d36b89e2fcb9373', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_26d84', table='workflows_app_mutation', when='BEFORE')), pgtrigger.compiler.Trigger(name='final_status', sql=workflows_app.models.guards.GuardSql(condition='WHEN (OLD."status" IN (\'applied\', \'failed\', \'skipped\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='6201d7d8feea23a433f8acaae007cf898eff3517', operation='UPDATE', pgid='pgtrigger_final_status_6d4a2', table='workflows_app_mutation', when='BEFORE'))],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='AccountChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('account', 'account'), ('group', 'group')], max_length=7)),
                ('about', models.CharField(max_length=254)),
                ('about_key', models.CharField(max_length=64, verbose_name='number')),
                ('what', models.TextField()),
                ('actor_name', models.CharField(blank=True, max_length=254, verbose_name='person')),
                ('address', models.CharField(blank=True, max_length=64)),
                ('session', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9546b09d973648b9646bf214a18ef3d244529dba', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_783ce', table='workflows_app_accountchange', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='9078a0ffc6a7021852c3d6bf568e5bd718e918ab', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_becf9', table='workflows_app_accountchange', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='GivenPermission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group_name', models.CharField(max_length=150)),
                ('codename', models.CharField(max_length=100)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('group_name', 'codename'), name='one_gift_per_group')],
            },
        ),
        migrations.CreateModel(
            name='Breaker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', django_fsm.FSMField(choices=[('closed', 'closed: calls go out'), ('open', 'open: no new call'), ('half_open', 'half open: one trial')], default='closed', max_length=10, protected=True)),
                ('unknowns', models.PositiveIntegerField(default=0)),
                ('openings', models.PositiveIntegerField(default=0)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('trial_at', models.DateTimeField(blank=True, null=True)),
                ('handler', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='breaker', to='workflows_app.handler')),
            ],
            options={
                'ordering': ['handler'],
                'permissions': [('close_breaker', 'Can let calls go out again')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['closed', 'open', 'half_open'])), name='breaker_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'closed'), ('trial_at__isnull', True)), models.Q(models.Q(('status', 'closed'), _negated=True), ('trial_at__isnull', False)), _connector='OR'), name='trial_iff_open')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='aa7f67d93b991d5263848f19ef9d10e2bd0ca62d', operation='DELETE', pgid='pgtrigger_never_deleted_1a0e4', table='workflows_app_breaker', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='2fb0af371c643ab41a49c22897d13a58caf2c1c1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_b76b9', table='workflows_app_breaker', when='BEFORE'))],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalBreaker',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('status', django_fsm.FSMField(choices=[('closed', 'closed: calls go out'), ('open', 'open: no new call'), ('half_open', 'half open: one trial')], default='closed', max_length=10, protected=True)),
                ('unknowns', models.PositiveIntegerField(default=0)),
                ('openings', models.PositiveIntegerField(default=0)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('trial_at', models.DateTimeField(blank=True, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('handler', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.handler')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical breaker',
                'verbose_name_plural': 'historical breakers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='breaker_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='breaker_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f066b890164be9199bab55a312345cd199ef8fe6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8debb', table='workflows_app_historicalbreaker', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='a01c292f76483d73a85f854a1e71e4ceedec1999', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_13ac7', table='workflows_app_historicalbreaker', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='LaneState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lane', models.CharField(blank=True, max_length=200)),
                ('state', models.JSONField(blank=True, null=True)),
                ('wake_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('arrivals', models.BigIntegerField(default=1)),
                ('arrivals_seen', models.BigIntegerField(blank=True, null=True)),
                ('oldest_pending', models.BigIntegerField(blank=True, null=True)),
                ('is_held', models.BooleanField(default=False)),
                ('handler', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lanes', to='workflows_app.handler')),
            ],
            options={
                'ordering': ['handler', 'lane'],
                'indexes': [models.Index(condition=models.Q(('is_held', False), ('oldest_pending__isnull', False), models.Q(('arrivals_seen__isnull', True), models.Q(('arrivals_seen', models.F('arrivals')), _negated=True), _connector='OR')), fields=['handler', 'oldest_pending'], name='lane_ready'), models.Index(condition=models.Q(('is_held', False), ('wake_at__isnull', False)), fields=['handler', 'wake_at', 'id'], name='lane_wakes')],
                'constraints': [models.UniqueConstraint(fields=('handler', 'lane'), name='one_state_per_lane')],
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('token', models.BigIntegerField(default=0)),
                ('holder', models.CharField(blank=True, max_length=200)),
                ('claimed_by', models.CharField(blank=True, max_length=200)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('next_due_at', models.DateTimeField(blank=True, null=True)),
                ('listens', models.BooleanField(default=True)),
                ('workflow', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lease', serialize=False, to='workflows_app.workflow')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['next_due_at'], name='lease_due')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalWorkflowVersion',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('major', models.PositiveIntegerField()),
                ('minor', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('initial', 'first version'), ('repair', 'repair (minor)'), ('replan', 're-plan (major)')], max_length=10)),
                ('source_digest', models.CharField(max_length=64)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('workflow', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflow')),
                ('actor', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical workflow version',
                'verbose_name_plural': 'historical workflow versions',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='workflowversion_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='workflowversion_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='62525eaf5d7f3a705ae0eb5aabd233a978455047', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_11a8b', table='workflows_app_historicalworkflowversion', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='05b751d57b03e22f191f7c9eec23e7a90ca2189b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_5fd4a', table='workflows_app_historicalworkflowversion', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='AlertChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blocked', models.BooleanField(default=True, verbose_name='an unknown outcome waits for a decision')),
                ('contradiction', models.BooleanField(default=True, verbose_name='a late answer contradicts the ledger')),
                ('breaker', models.BooleanField(default=True, verbose_name='no new calls go out')),
                ('failed', models.BooleanField(default=True, verbose_name='a failed run waits for a person')),
                ('oldest_pending', models.BooleanField(default=True, verbose_name='an event waits for too long')),
                ('channel', models.CharField(blank=True, max_length=100)),
                ('language', models.CharField(blank=True, editable=False, max_length=20)),
                ('test_asked_at', models.DateTimeField(editable=False, null=True)),
                ('test_sent_at', models.DateTimeField(editable=False, null=True)),
                ('test_problem', models.TextField(editable=False, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workflows_app.workflow')),
            ],
            options={
                'verbose_name': 'alert for me',
                'verbose_name_plural': 'alerts for me',
                'ordering': ['person', 'workflow', 'channel'],
                'indexes': [models.Index(condition=models.Q(('test_asked_at__isnull', False), ('test_sent_at__isnull', True)), fields=['channel'], name='alert_test_due')],
                'constraints': [models.UniqueConstraint(fields=('person', 'workflow', 'channel'), name='one_choice_per_place', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(blank=True, max_length=100)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('dropped', 'settled before it was sent')], default='waiting', max_length=8)),
                ('facts', models.JSONField(default=list)),
                ('subject', models.TextField(blank=True)),
                ('body', models.TextField(blank=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('problem', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('next_attempt_at', models.DateTimeField()),
                ('claimed_until', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='workflows_app.workflow')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['workflow', 'channel', 'person', '-id'], name='alert_last'), models.Index(condition=models.Q(('status', 'waiting')), fields=['next_attempt_at'], name='alert_due'), models.Index(condition=models.Q(('person__isnull', False)), fields=['person'], name='alert_of_person')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['waiting', 'sent', 'dropped'])), name='alert_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('channel', ''), ('person__isnull', False)), models.Q(models.Q(('channel', ''), _negated=True), ('person__isnull', True)), _connector='OR'), name='alert_to_one_place'), models.UniqueConstraint(condition=models.Q(('status', 'waiting')), fields=('workflow', 'channel', 'person'), name='one_waiting_alert_per_place', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('execute', 'the call'), ('reconcile', 'asking whether it happened'), ('late', 'an answer that came too late'), ('probe', 'asking for a person who decides')], max_length=10)),
                ('verdict', models.CharField(choices=[('applied', 'it happened'), ('not_applied', 'it did not happen'), ('unknown', 'Unknown')], max_length=12)),
                ('detail', models.TextField(blank=True)),
                ('traceback', models.TextField(blank=True)),
                ('duration_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('attempt', models.PositiveIntegerField(default=1)),
                ('contradicts', models.BooleanField(default=False)),
                ('actor_name', models.CharField(blank=True, max_length=254, verbose_name='person')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('mutation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evidence', to='workflows_app.mutation')),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'evidence',
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('contradicts', True)), fields=['created_at'], name='evidence_contradicts'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='evidence_by_date', pages_per_range=32)],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4eaf13ca4ea19a405c8f7d8473e58a15216cf2c1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_864f2', table='workflows_app_evidence', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='d30cc16501073bcd9b62d6f3ed40be1d7f422caf', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_50cad', table='workflows_app_evidence', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(max_length=50)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(max_length=2000)),
                ('person', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('person', 'page', 'name'), name='one_saved_filter_per_name')],
            },
        ),
        migrations.CreateModel(
            name='Topic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='workflows_app.workflow')),
                ('consumer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='workflows_app.handler')),
            ],
            options={
                'ordering': ['workflow', 'name'],
                'constraints': [models.UniqueConstraint(fields=('workflow', 'name'), name='one_topic_per_name')],
            },
        ),
        migrations.CreateModel(
            name='Arrival',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lane', models.CharField(blank=True, max_length=200, null=True)),
                ('transaction', models.CharField(max_length=20)),
                ('topic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='arrivals', to='workflows_app.topic')),
            ],
            options={
                'indexes': [models.Index(fields=['topic', 'transaction', 'lane'], name='arrival_topic')],
            },
        ),
        migrations.CreateModel(
            name='WorkflowVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('major', models.PositiveIntegerField()),
                ('minor', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('initial', 'first version'), ('repair', 'repair (minor)'), ('replan', 're-plan (major)')], max_length=10)),
                ('source_digest', models.CharField(max_length=64)),
                ('note', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='workflows_app.workflow')),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['workflow', '-major', '-minor'],
                'constraints': [models.UniqueConstraint(fields=('workflow', 'major', 'minor'), name='one_row_per_version')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='7cf5f625fe73844b0aa813df4c007a0090a65b53', operation='DELETE', pgid='pgtrigger_never_deleted_fe212', table='workflows_app_workflowversion', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='8594dd9a8ee6e560eba6e7f14032f23831263da5', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_7ce35', table='workflows_app_workflowversion', when='BEFORE'))],
            },
        ),
        migrations.AddField(
            model_name='workflow',
            name='active_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows_app.workflowversion'),
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lane', models.CharField(blank=True, max_length=200)),
                ('phase', django_fsm.FSMField(choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], default='preparing', max_length=10, protected=True)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('reconciling', 'Reconciling'), ('blocked', 'Blocked'), ('committed', 'Committed'), ('failed', 'Failed'), ('crashed', 'Crashed')], default='active', max_length=12, protected=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('prepare_result', models.JSONField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=64)),
                ('earlier_failures', models.PositiveIntegerField(default=0)),
                ('earlier_crashes', models.PositiveIntegerField(default=0)),
                ('failure_kind', models.CharField(blank=True, choices=[('transient', 'transient: may work later'), ('logic', 'logic: the code is at fault'), ('rejected', 'rejected by the outside system'), ('poison', 'poison: its worker died or hung each time')], max_length=10)),
                ('failure_message', models.TextField(blank=True)),
                ('failure_traceback', models.TextField(blank=True)),
                ('failure_phase', models.CharField(blank=True, choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], max_length=10)),
                ('owes_retry', models.BooleanField(default=False)),
                ('retry_due_at', models.DateTimeField(blank=True, null=True)),
                ('fencing_token', models.BigIntegerField(blank=True, null=True)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.workflow')),
                ('handler', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.handler')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.workflowversion')),
                ('retry_of', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retry', to='workflows_app.run')),
                ('carried_mutation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='carried_by', to='workflows_app.mutation')),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('try_again', 'Can have the outside system asked again'), ('assert_happened', 'Can assert that an outside effect happened'), ('assert_not_happened', 'Can assert that an outside effect did not happen'), ('skip_run', 'Can skip blocked runs'), ('decide_now', 'Can end the asking, and decide instead'), ('retry_failed_run', 'Can retry failed runs now'), ('take_run', 'Can say that they look into a run'), ('add_note', 'Can add notes to a run')],
                'indexes': [models.Index(fields=['workflow', 'id'], name='run_of_workflow'), models.Index(condition=models.Q(('status__in', ['active', 'reconciling'])), fields=['workflow', 'status'], name='run_under_way'), models.Index(condition=models.Q(('owes_retry', True)), fields=['workflow', 'retry_due_at', 'id'], name='run_owes_retry'), models.Index(condition=models.Q(('carried_mutation__isnull', False)), fields=['carried_mutation'], name='run_carries'), models.Index(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked', 'failed'])), fields=['status', 'started_at'], name='run_needs_attention'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['started_at'], name='run_by_time'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['ended_at'], name='run_by_end'), django.contrib.postgres.indexes.GinIndex(workflows_app.models.words.Words('title'), condition=models.Q(('status__in', ['reconciling', 'blocked', 'committed', 'failed', 'crashed'])), name='run_words')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked'])), fields=('workflow', 'lane'), name='one_open_run_per_lane'), models.UniqueConstraint(condition=models.Q(('owes_retry', True)), fields=('workflow', 'lane'), name='one_owed_retry_per_lane'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked', 'committed', 'failed', 'crashed'])), name='run_status_known'), models.CheckConstraint(condition=models.Q(('phase__in', ['preparing', 'prepared', 'mutating', 'mutated', 'emitting', 'committed'])), name='run_phase_known'), models.CheckConstraint(condition=models.Q(models.Q(('phase', 'committed'), ('status', 'committed')), models.Q(models.Q(('status', 'committed'), _negated=True), models.Q(('phase', 'committed'), _negated=True)), _connector='OR'), name='run_committed_in_both'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'failed'), models.Q(('failure_kind', ''), _negated=True)), models.Q(models.Q(('status', 'failed'), _negated=True), ('failure_kind', '')), _connector='OR'), name='failure_kind_iff_failed'), models.CheckConstraint(condition=models.Q(('owes_retry', False), ('status__in', ['failed', 'crashed']), _connector='OR'), name='only_ended_runs_owe_a_retry')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='132292dbdaee92ebd24f6d7c8955b8e00b1dbc75', operation='DELETE', pgid='pgtrigger_never_deleted_1158c', table='workflows_app_run', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='d1692de50cd15ad0b10f8c0e89258431dd9a964a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_2b487', table='workflows_app_run', when='BEFORE')), pgtrigger.compiler.Trigger(name='final_status', sql=workflows_app.models.guards.GuardSql(condition='WHEN (OLD."status" IN (\'committed\', \'failed\', \'crashed\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7a27284de80ec9a0194b7e01706a87eb3a0ade19', operation='UPDATE', pgid='pgtrigger_final_status_5661c', table='workflows_app_run', when='BEFORE'))],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.AddField(
            model_name='mutation',
            name='run',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='mutation', to='workflows_app.run'),
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.CharField(max_length=200)),
                ('payload', models.JSONField(blank=True, null=True)),
                ('lane', models.CharField(blank=True, max_length=200, null=True)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('status', django_fsm.FSMField(choices=[('pending', 'Pending'), ('reserved', 'Reserved'), ('consumed', 'Consumed'), ('skipped', 'Skipped')], default='pending', max_length=10, protected=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('topic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='workflows_app.topic')),
                ('reserved_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reserved_events', to='workflows_app.run')),
                ('created_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='created_events', to='workflows_app.run')),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('skip_event', 'Can skip events')],
                'indexes': [models.Index(models.F('topic'), models.F('lane'), django.db.models.expressions.CombinedExpression(models.F('id'), '+', models.Value(0)), condition=models.Q(('status', 'pending')), name='event_pending'), models.Index(condition=models.Q(('lane__isnull', True), ('status', 'pending')), fields=['topic'], name='event_without_lane'), models.Index(condition=models.Q(('reserved_by__isnull', False)), fields=['reserved_by'], name='event_reserved'), models.Index(condition=models.Q(('status', 'skipped')), fields=['id'], name='event_skipped'), models.Index(condition=models.Q(('created_by__isnull', False)), fields=['created_by'], name='event_of_a_run'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='event_by_time')],
                'constraints': [models.UniqueConstraint(fields=('topic', 'message_id'), name='one_event_per_message_id'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'reserved', 'consumed', 'skipped'])), name='event_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('reserved_by__isnull', False), ('status', 'reserved')), models.Q(models.Q(('status', 'reserved'), _negated=True), ('reserved_by__isnull', True)), _connector='OR'), name='reserved_by_iff_reserved')],
                'triggers': [pgtrigger.compiler.Trigger(name='never_deleted', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='9cb909da9566b44cbbc307985419100a8e8b9791', operation='DELETE', pgid='pgtrigger_never_deleted_8f114', table='workflows_app_event', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='b0936603c6afb9c511d9d9cb49579e0bc9f1ee94', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_5b0b6', table='workflows_app_event', when='BEFORE')), pgtrigger.compiler.Trigger(name='final_status', sql=workflows_app.models.guards.GuardSql(condition='WHEN (OLD."status" IN (\'consumed\', \'skipped\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='9dbe234d2552b15fd2901019185e92253a575f26', operation='UPDATE', pgid='pgtrigger_final_status_d29dc', table='workflows_app_event', when='BEFORE')), pgtrigger.compiler.Trigger(name='words_of_new', sql=workflows_app.models.guards.GuardSql(func='INSERT INTO workflows_app_eventwords (event_id, words) SELECT id, workflows_words(new_events.message_id || \' \' || coalesce(new_events.lane, \'\') || \' \' || (SELECT coalesce(string_agg(value #>> \'{}\', \' \'), \'\') FROM jsonb_path_query(new_events.payload, \'strict $.** ? (@.type() == "string" || @.type() == "number")\') value)) FROM new_events; RETURN NULL;', hash='bed4b58ba3da64d62f5407b646bcfd6325fcf881', level='STATEMENT', operation='INSERT', pgid='pgtrigger_words_of_new_4612a', referencing='REFERENCING NEW TABLE AS new_events ', table='workflows_app_event', when='AFTER')), pgtrigger.compiler.Trigger(name='words_of_changed', sql=workflows_app.models.guards.GuardSql(condition='WHEN (OLD."payload" IS DISTINCT FROM (NEW."payload") OR OLD."lane" IS DISTINCT FROM (NEW."lane"))', func='UPDATE workflows_app_eventwords SET words = workflows_words(NEW.message_id || \' \' || coalesce(NEW.lane, \'\') || \' \' || (SELECT coalesce(string_agg(value #>> \'{}\', \' \'), \'\') FROM jsonb_path_query(NEW.payload, \'strict $.** ? (@.type() == "string" || @.type() == "number")\') value)) WHERE event_id = NEW.id; RETURN NULL;', hash='5fa8a5a2076f75f27038316cab2eb09f4ea02a4c', operation='UPDATE OF "payload", "lane"', pgid='pgtrigger_words_of_changed_152e6', table='workflows_app_event', when='AFTER'))],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='EventWords',
            fields=[
                ('words', django.contrib.postgres.search.SearchVectorField()),
                ('event', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='words', serialize=False, to='workflows_app.event')),
            ],
            options={
                'default_permissions': (),
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='event_words')],
            },
        ),
        migrations.CreateModel(
            name='LaneRefusal',
            fields=[
                ('revision', models.PositiveIntegerField()),
                ('why', models.TextField()),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lane_refusal', serialize=False, to='workflows_app.event')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='workflows_app.workflowversion')),
            ],
        ),
        migrations.CreateModel(
            name='EventInput',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='causes', to='workflows_app.event')),
                ('input', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='effects', to='workflows_app.input')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('event', 'input'), name='one_cause_per_input')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e7ab4e0021c0700ac01b7e3c36e8570e7af4903b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_79a5e', table='workflows_app_eventinput', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='1ef2bb1d342a65327a87e32b1543f9b724ad166f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_82647', table='workflows_app_eventinput', when='BEFORE'))],
            },
        ),
        migrations.AddField(
            model_name='event',
            name='inputs',
            field=models.ManyToManyField(related_name='events', through='workflows_app.EventInput', to='workflows_app.input'),
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='workflows_app.run')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='workflows_app.event')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('run', 'event'), name='one_reservation_per_event')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='757d29a57a1c27284c83b34b77cb693b1f219a0b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_036a5', table='workflows_app_reservation', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='e338966d2c62be11452aaf3912613f0c9cd0faec', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_0a642', table='workflows_app_reservation', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='OperatorAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('operation', models.CharField(choices=[('skip_event', 'Skip event'), ('try_again', 'Try again'), ('it_happened', 'It happened'), ('it_didnt_happen', "It didn't happen"), ('skip_run', 'Skip'), ('decide_now', 'Decide now'), ('retry_failed_run', 'Retry now'), ('pause_workflow', 'Pause'), ('resume_workflow', 'Resume'), ('retire_workflow', 'Retire'), ('run_producers_now', 'Run now'), ('close_breaker', 'Send again'), ('take_run', 'Take'), ('add_note', 'Note')], max_length=20)),
                ('actor_name', models.CharField(max_length=254, verbose_name='person')),
                ('address', models.CharField(blank=True, max_length=64)),
                ('session', models.CharField(blank=True, max_length=64)),
                ('reason', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.workflow')),
                ('event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.event')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.run')),
                ('evidence_seen', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows_app.evidence')),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('approve_batch', 'Can confirm what another person proposed')],
                'indexes': [django.contrib.postgres.indexes.GinIndex(workflows_app.models.words.Words('actor_name', 'reason'), name='decision_words'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='action_by_date', pages_per_range=32)],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e97573d118913ebc20c944918ae29915242432e3', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4b08b', table='workflows_app_operatoraction', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='d1c15cfb3cba2999167e61efa6ac22dbce1563c1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_89ed1', table='workflows_app_operatoraction', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='HistoricalMutation',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('mutator', models.CharField(max_length=100)),
                ('params', models.JSONField()),
                ('target', models.CharField(blank=True, max_length=300)),
                ('idempotency_key', models.CharField(max_length=64)),
                ('status', django_fsm.FSMField(choices=[('in_flight', 'in flight'), ('applied', 'Applied'), ('failed', 'did not happen'), ('needs_reconcile', 'needs reconcile'), ('indeterminate', 'Unknown'), ('skipped', 'Skipped')], default='in_flight', max_length=20, protected=True)),
                ('result', models.JSONField(blank=True, null=True)),
                ('sent_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('reconcile_attempts', models.PositiveIntegerField(default=0)),
                ('next_reconcile_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, choices=[('response', 'the answer to the call'), ('reconcile', 'asking the outside system'), ('operator', 'a person')], max_length=10)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('run', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical mutation',
                'verbose_name_plural': 'historical mutations',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='mutation_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='mutation_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1b6a22261698b5e076245d308d3f12097a9dc505', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_56df1', table='workflows_app_historicalmutation', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='0ead9b3d084e84d950d04be7a9fd383df74526af', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_969c3', table='workflows_app_historicalmutation', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalEvent',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('message_id', models.CharField(max_length=200)),
                ('payload', models.JSONField(blank=True, null=True)),
                ('lane', models.CharField(blank=True, max_length=200, null=True)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('status', django_fsm.FSMField(choices=[('pending', 'Pending'), ('reserved', 'Reserved'), ('consumed', 'Consumed'), ('skipped', 'Skipped')], default='pending', max_length=10, protected=True)),
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('topic', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.topic')),
                ('reserved_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('created_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical event',
                'verbose_name_plural': 'historical events',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='event_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='event_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5897ee5040792368386eac5e3e1acaa37707ca7d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_faf63', table='workflows_app_historicalevent', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='c623a202d44e65ba5654e9a1d6b34b79af00564d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_bd974', table='workflows_app_historicalevent', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalWorkflow',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('slug', models.SlugField(db_index=False, max_length=100)),
                ('title', models.CharField(max_length=200)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('paused', 'Paused')], default='active', max_length=10, protected=True)),
                ('secret_names', models.JSONField(blank=True, default=list)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('active_version', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflowversion')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical workflow',
                'verbose_name_plural': 'historical workflows',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='workflow_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='workflow_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='79753c70c0d64c42dcbbeb2813c50a5e13deda11', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4ea85', table='workflows_app_historicalworkflow', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='fdf0a7a75caae6cfa16fad0219c5241bb3d1a9b2', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_de8b6', table='workflows_app_historicalworkflow', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalRun',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('lane', models.CharField(blank=True, max_length=200)),
                ('phase', django_fsm.FSMField(choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], default='preparing', max_length=10, protected=True)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('reconciling', 'Reconciling'), ('blocked', 'Blocked'), ('committed', 'Committed'), ('failed', 'Failed'), ('crashed', 'Crashed')], default='active', max_length=12, protected=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('prepare_result', models.JSONField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=64)),
                ('earlier_failures', models.PositiveIntegerField(default=0)),
                ('earlier_crashes', models.PositiveIntegerField(default=0)),
                ('failure_kind', models.CharField(blank=True, choices=[('transient', 'transient: may work later'), ('logic', 'logic: the code is at fault'), ('rejected', 'rejected by the outside system'), ('poison', 'poison: its worker died or hung each time')], max_length=10)),
                ('failure_message', models.TextField(blank=True)),
                ('failure_traceback', models.TextField(blank=True)),
                ('failure_phase', models.CharField(blank=True, choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], max_length=10)),
                ('owes_retry', models.BooleanField(default=False)),
                ('retry_due_at', models.DateTimeField(blank=True, null=True)),
                ('fencing_token', models.BigIntegerField(blank=True, null=True)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('workflow', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflow')),
                ('handler', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.handler')),
                ('version', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflowversion')),
                ('retry_of', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('carried_mutation', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.mutation')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical run',
                'verbose_name_plural': 'historical runs',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='run_by_person'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='run_by_date')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=workflows_app.models.guards.GuardSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='da388b2f4e8e3192cb87eda9df46277a07f384a4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ccbf0', table='workflows_app_historicalrun', when='BEFORE')), pgtrigger.compiler.Trigger(name='never_emptied', sql=workflows_app.models.guards.GuardSql(func="IF current_setting('workflows_app.may_empty', true) = 'on' AND pg_has_role( (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF; RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='630f9d84047306a68d66a2eab9b5a18f818c9ce3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_f6c86', table='workflows_app_historicalrun', when='BEFORE'))],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunPython(install_triggers, migrations.RunPython.noop),
    ]
