"""What a network and its baselines say of held-out scans."""

from collections.abc import Sequence
from typing import Any, NamedTuple

#: Smallest components to keep, in voxels, to choose from.
SMALLEST = (0, 4, 8, 16, 32, 64)
#: Training cases that baselines are fitted to, and voxels per case that calibration is drawn from.
FITTED, CALIBRATED = 120, 200
#: Voxels of scans below which a baseline segments two at once.
AT_ONCE = 1_000_000


class Predictions(NamedTuple):
    """What a network says of held-out scans.

    Attributes:
        masks: `(*spatial)` uint8 each.
        maps: Probability of one class, `(*spatial)` float16 each; empty where none was asked for.
        sureness: `(voxels, classes)` probabilities of voxels near an outline.
        labels: `(voxels,)` their true classes.
    """

    masks: list[Any]
    maps: list[Any]
    sureness: Any
    labels: Any


def predict_scans(model: Any, cases: Any, patch: Sequence[int], kept: int | None) -> Predictions:
    """Segment scans window by window.

    Args:
        model: The network.
        cases: Prepared scans with masks.
        patch: Size of the window.
        kept: The class whose probabilities are kept.
    """
    import numpy as np
    from scipy.ndimage import grey_dilation, grey_erosion

    from kerasbio.inference.sliding_window import sliding_window

    found = Predictions([], [], [], [])
    for i in range(len(cases)):
        case = cases[i]
        probabilities = sliding_window(model, case["image"], patch, probabilities=True)
        mask = probabilities.argmax(axis=-1).astype(np.uint8)
        found.masks.append(mask)
        if kept is not None:
            found.maps.append(probabilities[..., kept].astype(np.float16))
        near = np.zeros(mask.shape, bool)
        for one in (mask, case["mask"].astype(np.uint8)):
            near |= grey_dilation(one, (5,) * one.ndim) != grey_erosion(one, (5,) * one.ndim)
        places = np.random.default_rng(i).permutation(np.flatnonzero(near))[:CALIBRATED]
        found.sureness.append(probabilities.reshape(-1, probabilities.shape[-1])[places])
        found.labels.append(case["mask"].ravel()[places])
    return found._replace(
        sureness=np.concatenate(found.sureness), labels=np.concatenate(found.labels)
    )


def predict_all(
    model: Any,
    training: Any,
    validation: Any,
    test: Any,
    *,
    patch: Sequence[int],
    judged: Sequence[int],
    seed: int,
) -> tuple[int, Predictions, dict[str, list[Any]], dict[str, list[Any]]]:
    """Segment held-out scans by the network and by its baselines.

    Args:
        model: The network.
        training: Prepared cases that baselines are fitted to.
        validation: Prepared cases that the cleaning of masks is chosen on.
        test: Prepared cases to segment.
        patch: Size of the window.
        judged: The values of the masks whose Dice counts; of a single one maps are kept.
        seed: Seed of the baselines.

    Returns:
        Voxels of the smallest component that the network keeps, its predictions, and masks and maps
        by predictor.
    """
    from kerasbio.inference.folding import fold_batch_normalization

    model = fold_batch_normalization(model)
    kept = judged[0] if len(judged) == 1 else None
    seen = predict_scans(model, validation, patch, None)
    smallest = choose_smallest(seen.masks, Column(validation, "mask"), judged)
    found = predict_scans(model, test, patch, kept)
    found.masks[:] = [clean(mask, smallest) for mask in found.masks]
    predictions, maps = {"network": found.masks}, {"network": found.maps}
    num_classes = int(found.sureness.shape[-1])
    for name, baseline in fit_baselines(training, num_classes, seed).items():
        predictions[name], maps[name] = apply_baseline(baseline, test, kept)
    return smallest, found, predictions, maps


def choose_smallest(masks: Sequence[Any], truths: Sequence[Any], classes: Sequence[int]) -> int:
    """Return the voxels of the smallest component to keep: of the best mean Dice.

    Args:
        masks: Predictions on validation cases.
        truths: Their true masks.
        classes: The values of the masks whose Dice counts.
    """
    import numpy as np

    from kerasbio.metrics.overlap import dice_coefficient

    def score(smallest: int) -> float:
        return float(
            np.mean(
                [
                    dice_coefficient(truth == k, clean(mask, smallest) == k)
                    for mask, truth in zip(masks, truths, strict=True)
                    for k in classes
                ]
            )
        )

    return max(SMALLEST, key=score)


def clean(mask: Any, smallest: int) -> Any:
    """Return a mask without components of fewer voxels."""
    from kerasbio.inference.components import remove_small_components

    return remove_small_components(mask, (1.0,) * mask.ndim, smallest)


def fit_baselines(training: Any, num_classes: int, seed: int) -> dict[str, Any]:
    """Return the segmenters that one would try first, fitted to some training cases.

    Args:
        training: Prepared training cases.
        num_classes: Number of values of the mask.
        seed: Seed of the choice.
    """
    import numpy as np

    from kerasbio.segmentation_baselines import fit_thresholds, fit_voxel_classifier

    chosen = np.random.default_rng(seed).permutation(len(training))[:FITTED]
    seen = [training[int(i)] for i in chosen]
    images, masks = [case["image"] for case in seen], [case["mask"] for case in seen]
    return {
        "thresholds": fit_thresholds(images, masks, num_classes, seed),
        "voxel_classifier": fit_voxel_classifier(images, masks, num_classes, seed),
    }


def apply_baseline(baseline: Any, cases: Any, kept: int | None) -> tuple[list[Any], list[Any]]:
    """Return a baseline's masks of some cases, and its maps of one class, as `predict_scans`."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    images = Column(cases, "image")

    def segment(index: int) -> tuple[Any, Any]:
        probabilities = baseline.predict_proba(images[index])
        mask = baseline.decide(probabilities).astype(np.uint8)
        return mask, None if kept is None else probabilities[..., kept].astype(np.float16)

    # A voxel takes a quarter of a kilobyte: of large scans one at a time.
    with ThreadPoolExecutor(2 if images[0].size < AT_ONCE else 1) as pool:
        found = list(pool.map(segment, range(len(images))))
    return [mask for mask, _ in found], [map for _, map in found if map is not None]


class Column(Sequence):
    """One entry of every case, made when it is asked for.

    Args:
        cases: The cases.
        name: Name of the entry.
    """

    def __init__(self, cases: Any, name: str):
        self.cases, self.name = cases, name

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return self.cases[int(index)][self.name]


def describe_cases(cases: Any, has_lesions: bool) -> list[str]:
    """Return what there is to find in held-out cases, where the generator knows it."""
    import numpy as np

    if not has_lesions or "cnr" not in cases[0]:
        return []
    found = np.array([cases[i]["cnr"] for i in range(len(cases))])
    with_lesions = found[found > 0]
    if not len(with_lesions):
        return ["No held-out case has a lesion."]
    return [
        f"Lesions in {len(with_lesions)} of {len(found)} held-out cases, contrast-to-noise "
        f"{with_lesions.min():.1f} to {with_lesions.max():.1f}, median "
        f"{np.median(with_lesions):.1f}."
    ]
