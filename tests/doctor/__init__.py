"""Every check of the doctor finds the violation that is planted for it, and nothing in a sound database."""

import pytest

pytest.register_assert_rewrite("tests.doctor.planting")
