"""The exercises of the book that can tell whether an answer is right: ``check("ex:name", answer)``."""

from genphys.exercises.judge import Exercise, check, judge

__all__ = ["Exercise", "check", "judge"]
