"""A key that is long enough for the processes that tests start as in production."""

SECRET_KEY = "only-for-the-processes-that-these-tests-start-and-no-others"
