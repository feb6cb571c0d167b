"""All tables, each with its constraints, indexes and triggers: adding those one by one takes seconds more."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django_fsm
import pgtrigger.compiler
import simple_history.models
from django.conf import settings
from django.db import migrations, models


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
        migrations.CreateModel(
            name='Workflow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=100, unique=True)),
                ('title', models.CharField(max_length=200)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('paused', 'Paused')], default='active', max_length=10, protected=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused'])), name='workflow_status_known'),
                ],
                'ordering': ['slug'],
                'permissions': [('pause_workflow', 'Can pause and resume workflows'), ('run_producers', 'Can run producers now')],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='08bc65aa069e0d00aa74209a3de0e16880213b8b', operation='DELETE', pgid='pgtrigger_never_deleted_c002b', table='workflows_app_workflow', when='BEFORE')),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
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
                'constraints': [
                    models.UniqueConstraint(fields=('workflow', 'source', 'type', 'external_id'), name='one_input_per_identity'),
                ],
                'ordering': ['-id'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='59e61960f35620767bced9839fdce72e4956f773', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f8dd7', table='workflows_app_input', when='BEFORE')),
                ],
            },
        ),
        migrations.CreateModel(
            name='Mutation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mutator', models.CharField(max_length=100)),
                ('params', models.JSONField()),
                ('target', models.CharField(blank=True, max_length=300)),
                ('idempotency_key', models.CharField(max_length=64)),
                ('status', django_fsm.FSMField(choices=[('in_flight', 'in flight'), ('applied', 'Applied'), ('failed', 'did not happen'), ('needs_reconcile', 'needs reconcile'), ('indeterminate', 'Indeterminate'), ('skipped', 'Skipped')], default='in_flight', max_length=20, protected=True)),
                ('result', models.JSONField(blank=True, null=True)),
                ('sent_at', models.DateTimeField()),
                ('reconcile_attempts', models.PositiveIntegerField(default=0)),
                ('next_reconcile_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, choices=[('response', 'the answer to the call'), ('reconcile', 'asking the outside system'), ('operator', 'a person')], max_length=10)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('status__in', ['in_flight', 'applied', 'failed', 'needs_reconcile', 'indeterminate', 'skipped'])), name='mutation_status_known'),
                    models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['applied', 'failed', 'skipped']), models.Q(('resolved_by', ''), _negated=True)), models.Q(('status__in', ['in_flight', 'needs_reconcile', 'indeterminate']), ('resolved_by', '')), _connector='OR'), name='resolved_by_iff_settled'),
                    models.CheckConstraint(condition=models.Q(models.Q(('next_reconcile_at__isnull', False), ('status', 'needs_reconcile')), models.Q(models.Q(('status', 'needs_reconcile'), _negated=True), ('next_reconcile_at__isnull', True)), _connector='OR'), name='due_iff_needs_reconcile'),
                ],
                'indexes': [
                    models.Index(fields=['idempotency_key'], name='mutation_key'),
                    models.Index(condition=models.Q(('status__in', ['in_flight', 'needs_reconcile', 'indeterminate'])), fields=['status'], name='mutation_unknown'),
                ],
                'ordering': ['-id'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='b300f280b87a779f1e0fea6ba32c047f96d5c9a1', operation='DELETE', pgid='pgtrigger_never_deleted_8151c', table='workflows_app_mutation', when='BEFORE')),
                    pgtrigger.compiler.Trigger(name='final_status', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'applied\', \'failed\', \'skipped\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='0229aa331e9350696dd402622c56ac3b741b053e', operation='UPDATE', pgid='pgtrigger_final_status_6d4a2', table='workflows_app_mutation', when='BEFORE')),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('workflow', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lease', serialize=False, to='workflows_app.workflow')),
                ('token', models.BigIntegerField(default=0)),
                ('holder', models.CharField(blank=True, max_length=200)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('next_due_at', models.DateTimeField(blank=True, null=True)),
                ('listens', models.BooleanField(default=True)),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['next_due_at'], name='lease_due'),
                ],
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
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('actor', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflow')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='workflowversion_by_person'),
                    django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='workflowversion_by_date'),
                ],
                'verbose_name': 'historical workflow version',
                'verbose_name_plural': 'historical workflow versions',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5b7b55f4ea111d046c96eafc4fe820cc36f5b610', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_11a8b', table='workflows_app_historicalworkflowversion', when='BEFORE')),
                ],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Handler',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('producer', 'Producer'), ('consumer', 'Consumer')], max_length=10)),
                ('is_current', models.BooleanField(default=True)),
                ('state', models.JSONField(blank=True, null=True)),
                ('awaits_event', models.BooleanField(default=False)),
                ('wake_at', models.DateTimeField(blank=True, null=True)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handlers', to='workflows_app.workflow')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('workflow', 'name'), name='one_handler_per_name'),
                ],
                'ordering': ['workflow', 'kind', 'name'],
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('execute', 'the call'), ('reconcile', 'asking whether it happened'), ('late', 'an answer that came too late')], max_length=10)),
                ('verdict', models.CharField(choices=[('applied', 'it happened'), ('not_applied', 'it did not happen'), ('unknown', 'Unknown')], max_length=12)),
                ('detail', models.TextField(blank=True)),
                ('duration_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('attempt', models.PositiveIntegerField(default=1)),
                ('contradicts', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('mutation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evidence', to='workflows_app.mutation')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('contradicts', True)), fields=['created_at'], name='evidence_contradicts'),
                ],
                'verbose_name_plural': 'evidence',
                'ordering': ['id'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b5e370a1267ff9629cb16909824ed26f301fcf10', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_864f2', table='workflows_app_evidence', when='BEFORE')),
                ],
            },
        ),
        migrations.CreateModel(
            name='Topic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('consumer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='workflows_app.handler')),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='workflows_app.workflow')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('workflow', 'name'), name='one_topic_per_name'),
                ],
                'ordering': ['workflow', 'name'],
            },
        ),
        migrations.CreateModel(
            name='Arrival',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transaction', models.CharField(max_length=20)),
                ('topic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='arrivals', to='workflows_app.topic')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['topic'], name='arrival_topic'),
                ],
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
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='workflows_app.workflow')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('workflow', 'major', 'minor'), name='one_row_per_version'),
                ],
                'ordering': ['workflow', '-major', '-minor'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='a89cdac05e1409fed0b764bc8710bed987d9d0fa', operation='DELETE', pgid='pgtrigger_never_deleted_fe212', table='workflows_app_workflowversion', when='BEFORE')),
                ],
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
                ('phase', django_fsm.FSMField(choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], default='preparing', max_length=10, protected=True)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('reconciling', 'Reconciling'), ('blocked', 'Blocked'), ('committed', 'Committed'), ('failed', 'Failed'), ('crashed', 'Crashed')], default='active', max_length=12, protected=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('prepare_result', models.JSONField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=64)),
                ('earlier_failures', models.PositiveIntegerField(default=0)),
                ('failure_kind', models.CharField(blank=True, choices=[('transient', 'transient: may work later'), ('logic', 'logic: the code is at fault'), ('rejected', 'rejected by the outside system')], max_length=10)),
                ('failure_message', models.TextField(blank=True)),
                ('failure_traceback', models.TextField(blank=True)),
                ('failure_phase', models.CharField(blank=True, choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], max_length=10)),
                ('owes_retry', models.BooleanField(default=False)),
                ('retry_due_at', models.DateTimeField(blank=True, null=True)),
                ('fencing_token', models.BigIntegerField(blank=True, null=True)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('carried_mutation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='carried_by', to='workflows_app.mutation')),
                ('handler', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.handler')),
                ('retry_of', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retry', to='workflows_app.run')),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.workflow')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='workflows_app.workflowversion')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked'])), fields=('workflow',), name='one_open_run_per_workflow'),
                    models.UniqueConstraint(condition=models.Q(('owes_retry', True)), fields=('workflow',), name='one_owed_retry_per_workflow'),
                    models.CheckConstraint(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked', 'committed', 'failed', 'crashed'])), name='run_status_known'),
                    models.CheckConstraint(condition=models.Q(('phase__in', ['preparing', 'prepared', 'mutating', 'mutated', 'emitting', 'committed'])), name='run_phase_known'),
                    models.CheckConstraint(condition=models.Q(models.Q(('phase', 'committed'), ('status', 'committed')), models.Q(models.Q(('status', 'committed'), _negated=True), models.Q(('phase', 'committed'), _negated=True)), _connector='OR'), name='run_committed_in_both'),
                    models.CheckConstraint(condition=models.Q(models.Q(('status', 'failed'), models.Q(('failure_kind', ''), _negated=True)), models.Q(models.Q(('status', 'failed'), _negated=True), ('failure_kind', '')), _connector='OR'), name='failure_kind_iff_failed'),
                    models.CheckConstraint(condition=models.Q(('owes_retry', False), ('status__in', ['failed', 'crashed']), _connector='OR'), name='only_ended_runs_owe_a_retry'),
                ],
                'indexes': [
                    models.Index(fields=['workflow', 'id'], name='run_of_workflow'),
                    models.Index(condition=models.Q(('carried_mutation__isnull', False)), fields=['carried_mutation'], name='run_carries'),
                    models.Index(condition=models.Q(('status__in', ['active', 'reconciling', 'blocked', 'failed'])), fields=['status', 'started_at'], name='run_needs_attention'),
                ],
                'ordering': ['-id'],
                'permissions': [('try_again', 'Can let the host reconcile again'), ('assert_not_happened', 'Can assert that an outside effect did not happen'), ('skip_run', 'Can skip blocked runs'), ('retry_failed_run', 'Can retry failed runs now')],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='f234a28ebe2590a0c698fb5fbce81edb79d4156b', operation='DELETE', pgid='pgtrigger_never_deleted_1158c', table='workflows_app_run', when='BEFORE')),
                    pgtrigger.compiler.Trigger(name='final_status', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'committed\', \'failed\', \'crashed\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='702d31351507da4a00ffb4d8b565f1a283186283', operation='UPDATE', pgid='pgtrigger_final_status_5661c', table='workflows_app_run', when='BEFORE')),
                ],
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
                ('revision', models.PositiveIntegerField(default=1)),
                ('status', django_fsm.FSMField(choices=[('pending', 'Pending'), ('reserved', 'Reserved'), ('consumed', 'Consumed'), ('skipped', 'Skipped')], default='pending', max_length=10, protected=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='created_events', to='workflows_app.run')),
                ('reserved_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reserved_events', to='workflows_app.run')),
                ('topic', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='workflows_app.topic')),
            ],
            options={
                'indexes': [
                    models.Index(models.F('topic'), django.db.models.expressions.CombinedExpression(models.F('id'), '+', models.Value(0)), condition=models.Q(('status', 'pending')), name='event_pending'),
                    models.Index(condition=models.Q(('reserved_by__isnull', False)), fields=['reserved_by'], name='event_reserved'),
                    models.Index(condition=models.Q(('created_by__isnull', False)), fields=['created_by'], name='event_of_a_run'),
                ],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'reserved', 'consumed', 'skipped'])), name='event_status_known'),
                    models.UniqueConstraint(fields=('topic', 'message_id'), name='one_event_per_message_id'),
                    models.CheckConstraint(condition=models.Q(models.Q(('reserved_by__isnull', False), ('status', 'reserved')), models.Q(models.Q(('status', 'reserved'), _negated=True), ('reserved_by__isnull', True)), _connector='OR'), name='reserved_by_iff_reserved'),
                ],
                'ordering': ['-id'],
                'permissions': [('skip_event', 'Can skip events')],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='ff2febdea4eb779af068c71007094e3e10bb8dd4', operation='DELETE', pgid='pgtrigger_never_deleted_8f114', table='workflows_app_event', when='BEFORE')),
                    pgtrigger.compiler.Trigger(name='final_status', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'consumed\', \'skipped\') AND NOT (NEW."status" = (OLD."status")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c808a042c37f269178ebad3f6ee0aee64029da5a', operation='UPDATE', pgid='pgtrigger_final_status_d29dc', table='workflows_app_event', when='BEFORE')),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='EventInput',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='causes', to='workflows_app.event')),
                ('input', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='effects', to='workflows_app.input')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('event', 'input'), name='one_cause_per_input'),
                ],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ce3550a0b9bd03eb2eeec44e39763c8eaa4718a4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_79a5e', table='workflows_app_eventinput', when='BEFORE')),
                ],
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
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='workflows_app.event')),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='workflows_app.run')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('run', 'event'), name='one_reservation_per_event'),
                ],
                'ordering': ['id'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e39e19397d754876d0bb79ef0671d8217acc18e7', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_036a5', table='workflows_app_reservation', when='BEFORE')),
                ],
            },
        ),
        migrations.CreateModel(
            name='OperatorAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('operation', models.CharField(choices=[('skip_event', 'Skip event'), ('try_again', 'Try again'), ('it_didnt_happen', "It didn't happen"), ('skip_run', 'Skip'), ('retry_failed_run', 'Retry now'), ('pause_workflow', 'Pause'), ('resume_workflow', 'Resume'), ('run_producers_now', 'Run now')], max_length=20)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.event')),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.workflow')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='operator_actions', to='workflows_app.run')),
            ],
            options={
                'ordering': ['-id'],
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='febeda8853eb651d20bd92ae9e2d7591bc82456a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4b08b', table='workflows_app_operatoraction', when='BEFORE')),
                ],
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
                ('status', django_fsm.FSMField(choices=[('in_flight', 'in flight'), ('applied', 'Applied'), ('failed', 'did not happen'), ('needs_reconcile', 'needs reconcile'), ('indeterminate', 'Indeterminate'), ('skipped', 'Skipped')], default='in_flight', max_length=20, protected=True)),
                ('result', models.JSONField(blank=True, null=True)),
                ('sent_at', models.DateTimeField()),
                ('reconcile_attempts', models.PositiveIntegerField(default=0)),
                ('next_reconcile_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, choices=[('response', 'the answer to the call'), ('reconcile', 'asking the outside system'), ('operator', 'a person')], max_length=10)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('run', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='mutation_by_person'),
                    django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='mutation_by_date'),
                ],
                'verbose_name': 'historical mutation',
                'verbose_name_plural': 'historical mutations',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4a9b007ccc4d5eb994b31cd88b7aeebe0bc0c654', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_56df1', table='workflows_app_historicalmutation', when='BEFORE')),
                ],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalEvent',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('message_id', models.CharField(max_length=200)),
                ('payload', models.JSONField(blank=True, null=True)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('status', django_fsm.FSMField(choices=[('pending', 'Pending'), ('reserved', 'Reserved'), ('consumed', 'Consumed'), ('skipped', 'Skipped')], default='pending', max_length=10, protected=True)),
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('reserved_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('topic', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.topic')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='event_by_person'),
                    django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='event_by_date'),
                ],
                'verbose_name': 'historical event',
                'verbose_name_plural': 'historical events',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6c6a5eae53519782e3403b62b3a7c9709a58431b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_faf63', table='workflows_app_historicalevent', when='BEFORE')),
                ],
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
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('active_version', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflowversion')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='workflow_by_person'),
                    django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='workflow_by_date'),
                ],
                'verbose_name': 'historical workflow',
                'verbose_name_plural': 'historical workflows',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1a019cdaa75b255b1cf1a1142b5b2a53870d85aa', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4ea85', table='workflows_app_historicalworkflow', when='BEFORE')),
                ],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalRun',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('phase', django_fsm.FSMField(choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], default='preparing', max_length=10, protected=True)),
                ('status', django_fsm.FSMField(choices=[('active', 'Active'), ('reconciling', 'Reconciling'), ('blocked', 'Blocked'), ('committed', 'Committed'), ('failed', 'Failed'), ('crashed', 'Crashed')], default='active', max_length=12, protected=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('prepare_result', models.JSONField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=64)),
                ('earlier_failures', models.PositiveIntegerField(default=0)),
                ('failure_kind', models.CharField(blank=True, choices=[('transient', 'transient: may work later'), ('logic', 'logic: the code is at fault'), ('rejected', 'rejected by the outside system')], max_length=10)),
                ('failure_message', models.TextField(blank=True)),
                ('failure_traceback', models.TextField(blank=True)),
                ('failure_phase', models.CharField(blank=True, choices=[('preparing', 'Preparing'), ('prepared', 'Prepared'), ('mutating', 'Mutating'), ('mutated', 'Mutated'), ('emitting', 'Emitting'), ('committed', 'Committed')], max_length=10)),
                ('owes_retry', models.BooleanField(default=False)),
                ('retry_due_at', models.DateTimeField(blank=True, null=True)),
                ('fencing_token', models.BigIntegerField(blank=True, null=True)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('handler', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.handler')),
                ('history_user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflow')),
                ('carried_mutation', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.mutation')),
                ('retry_of', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.run')),
                ('version', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows_app.workflowversion')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('history_user__isnull', False)), fields=['history_user'], name='run_by_person'),
                    django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['history_date'], name='run_by_date'),
                ],
                'verbose_name': 'historical run',
                'verbose_name_plural': 'historical runs',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'triggers': [
                    pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='7320bade39f42b6dbf934cf98294232f46bfb8d5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ccbf0', table='workflows_app_historicalrun', when='BEFORE')),
                ],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunPython(install_triggers, migrations.RunPython.noop),
    ]
