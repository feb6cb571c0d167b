"""`python -m tests.translations`: bring the German catalogue up to date, and tell what is left to translate."""

from __future__ import annotations

from tests.translations.catalogue import PO, ROOT, problem_of, renew


def main() -> None:
    left = [message for message in renew() if message.id and problem_of(message)]
    for message in left:
        print(f"{problem_of(message)}: {message.id!r}")  # noqa: T201
    print(f"{PO.relative_to(ROOT)}: {len(left)} messages are left to translate.")  # noqa: T201


if __name__ == "__main__":
    main()
