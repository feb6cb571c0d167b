"""The contender this project is: workflows through the real `run_worker`, with full history."""
