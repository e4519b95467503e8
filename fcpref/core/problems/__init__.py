"""Problems: what a model is asked, with the gold answer known from construction."""

from fcpref.core.problems.problem import Problem, Split, Statement, normalised, problem_id

__all__ = ["Problem", "Split", "Statement", "normalised", "problem_id"]
