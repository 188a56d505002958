"""Errors that people see."""

from __future__ import annotations


class UserError(Exception):
    """Something the person at the keyboard can put right.

    Attributes:
        problem: what is wrong, naming the file and the field.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}. {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class BadSampleError(Exception):
    """The sample's data cannot be used (a corrupt file, a broken annotation): outcome ``invalid``."""
