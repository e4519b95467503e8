"""What every generated family promises of its splits, at a size that the caller chooses."""

from fcpref.core.problems.problem import SPLITS


def share_nothing(generate, form_of, sizes):
    """Check that splits share no form and no text, and that few texts come twice within one.

    Arguments:
        generate: makes a problem from a split and an index.
        form_of: returns a problem's canonical form.
        sizes: problems of train, dev and test.
    """
    seen = {}
    for split, count in zip(SPLITS, sizes, strict=True):
        texts = set()
        for index in range(count):
            problem = generate(split, index)
            text = " ".join(problem.text.lower().split())
            texts.add(text)
            for kept in (("form", form_of(problem)), ("text", text)):
                assert seen.setdefault(kept, split) == split
        assert len(texts) >= 0.99 * count
