"""Events, runs and a ledger with history, each saved by `save()`."""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords


class NaiveRun(models.Model):
    workflow = models.IntegerField()
    phase = models.CharField(max_length=12)
    status = models.CharField(max_length=12)
    prepare_result = models.JSONField(null=True)
    started_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()


class NaiveEvent(models.Model):
    workflow = models.IntegerField()
    message_id = models.CharField(max_length=200)
    payload = models.JSONField()
    status = models.CharField(max_length=12, default="pending")
    reserved_by = models.ForeignKey(NaiveRun, models.PROTECT, null=True)
    history = HistoricalRecords()

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="naive_pending", condition=models.Q(status="pending"))
        ]


class NaiveReservation(models.Model):
    run = models.ForeignKey(NaiveRun, models.PROTECT)
    event = models.ForeignKey(NaiveEvent, models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)


class NaiveMutation(models.Model):
    run = models.OneToOneField(NaiveRun, models.PROTECT)
    params = models.JSONField()
    idempotency_key = models.CharField(max_length=64)
    status = models.CharField(max_length=12)
    result = models.JSONField(null=True)
    history = HistoricalRecords()


class NaiveEvidence(models.Model):
    mutation = models.ForeignKey(NaiveMutation, models.PROTECT)
    kind = models.CharField(max_length=10)
    verdict = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)
