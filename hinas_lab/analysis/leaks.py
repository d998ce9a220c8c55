"""Before anything is claimed: no picture that is measured was trained on."""

from collections.abc import Callable, Iterable

from hinas_lab.images.datasets.audit import audit
from hinas_lab.images.datasets.catalog import named_files


def refuse_leaks(train: str, test: str, progress: Callable[[list], Iterable] = iter):
    """Audit the training images of data set ``train`` against the test images of ``test``.

    Both are names or folders; ``progress`` wraps the names of each side, as ``tqdm`` does. Raises
    ValueError with count and names when a test image, or a crop or copy of it, was trained on.
    """
    matches = audit(named_files(train, "train"), named_files(test, "test"), progress=progress)
    leaked = sorted({match.test for match in matches})
    if leaked:
        names = ", ".join(leaked[:3]) + (", ..." if len(leaked) > 3 else "")
        raise ValueError(
            f"{len(leaked)} test images of {test} are in the training data {train} ({names}): "
            f"no number would mean anything; see hinas-lab data audit --train {train} --test {test}"
        )
