"""The organs of an upper abdomen as solids, in the order in which they are painted."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from kerasbio.datasets.phantoms.solids import Solid, Superquadric, Tube, draw_harmonics

#: Mass of organs in g, women and men (ICRP Publication 89, 2002); the gallbladder and the stomach
#: with their contents.
MASSES = {
    "liver": (1400.0, 1800.0),
    "spleen": (130.0, 150.0),
    "kidneys": (275.0, 310.0),
    "pancreas": (120.0, 140.0),
    "gallbladder": (56.0, 68.0),
    "stomach": (370.0, 400.0),
}
#: Density of organs in g per mL.
DENSITY = 1.05

#: What a voxel can be made of; painted is the number.
TISSUES = (
    "air",
    "skin",
    "fat",
    "muscle",
    "lung",
    "bowel",
    "gas",
    "blood",
    "liver",
    "focal fat",
    "vessel",
    "gallbladder",
    "spleen",
    "kidneys",
    "pancreas",
    "stomach",
    "stomach gas",
    "aorta",
    "marrow",
    "cortex",
    "disc",
    "canal",
    "rib marrow",
    "rib cortex",
)
TISSUE = {name: number for number, name in enumerate(TISSUES)}


@dataclasses.dataclass(frozen=True)
class Part:
    """What is painted.

    Attributes:
        tissue: Number of the tissue.
        solid: Where it is.
        over: Of each tissue, whether it is replaced; None for all.
        inner: Whether it stays in the cavity of the body.
    """

    tissue: int
    solid: Solid
    over: np.ndarray | None = None
    inner: bool = True


def organs(
    ranges: dict[str, float], scales: dict[str, float], random: np.random.Generator
) -> list[Part]:
    """Return the parts of an abdomen, first painted first, in mm from the middle of the body.

    Args:
        ranges: Drawn properties, by the names of `kerasbio.datasets.phantoms.abdomen.RANGES`.
        scales: Volume of each organ of `MASSES` over that of a man of reference.
        random: Source of the shapes.
    """
    linear = {organ: scale ** (1 / 3) for organ, scale in scales.items()}
    parts = [*_bowel(random)]
    parts += _part(
        "blood",
        Superquadric((104, -28, 22), (46, 42, 52), harmonics=draw_harmonics(random, 2, 0.04)),
    )
    parts += _muscles()
    parts += _stomach(ranges["stomach gas"], linear["stomach"], random)
    parts += _part(
        "spleen",
        Superquadric(
            (32, 36, 92),
            _scaled((50, 41.5, 19.3), linear["spleen"]),
            bend=-0.35,
            turn=0.35,
            harmonics=draw_harmonics(random, 3, 0.05),
        ),
    )
    parts += _liver(linear["liver"], random)
    parts += _gallbladder(linear["gallbladder"], random)
    parts += _pancreas(linear["pancreas"], random)
    parts += _kidneys(linear["kidneys"], random)
    parts += _vessels(ranges["aorta radius"])
    parts += _spine(ranges["vertebra pitch"])
    return parts


def _part(tissue: str, solid: Solid, over: tuple[str, ...] = (), inner: bool = True) -> list[Part]:
    replaced = np.isin(TISSUES, over) if over else None
    return [Part(TISSUE[tissue], solid, replaced, inner)]


def _scaled(axes: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(axis * factor for axis in axes)


def _bowel(random: np.random.Generator) -> Iterator[Part]:
    """Yield loops of bowel at the front and below, some with gas on top."""
    for _ in range(9):
        middle = random.uniform((-98, -66, -95), (-45, 0, 100))
        axes = random.uniform((12, 12, 12), (26, 22, 30))
        turn = random.uniform(0, np.pi)
        yield from _part(
            "bowel", Superquadric(middle, axes, turn=turn, harmonics=draw_harmonics(random, 2, 0.1))
        )
        if random.random() < 0.4:
            top = middle - (0, 0.35 * axes[1], 0)
            yield from _part("gas", Superquadric(top, 0.55 * axes, turn=turn))


def _muscles() -> list[Part]:
    """Return psoas and erector spinae of both sides."""
    parts = []
    for side in (-1, 1):
        knots = np.array([[-130, 54, 50 * side], [-40, 50, 34 * side], [10, 48, 26 * side]])
        parts += _part("muscle", Tube(knots, np.array([24.0, 17.0, 6.0])))
        erector = Superquadric((0, 83, 32 * side), (400, 17, 27), exponent=2.5)
        parts += _part("muscle", erector, over=("fat", "muscle"), inner=False)
    return parts


def _stomach(gas: float, scale: float, random: np.random.Generator) -> list[Part]:
    middle, axes = (30.0, -24.0, 60.0), _scaled((52, 40, 48), scale)
    shape = Superquadric(
        middle, axes, turn=-0.3, tilt=0.3, harmonics=draw_harmonics(random, 3, 0.05)
    )
    # Gas lies in front of a level surface: the subject lies on the back.
    level = middle[1] - axes[1] * (1 - 2 * gas)
    above = Superquadric((middle[0], level - 100, middle[2]), (150, 100, 150), exponent=16)
    return [*_part("stomach", shape), *_part("stomach gas", above, over=("stomach",))]


def _liver(scale: float, random: np.random.Generator) -> list[Part]:
    """Return both lobes, then what lies in them: fissure, focal fat and vessels."""
    right = Superquadric(
        (2, 2, -66),
        _scaled((85, 75, 59), scale),
        2.4,
        tilt=0.15,
        harmonics=draw_harmonics(random, 3, 0.04),
    )
    left = Superquadric(
        (30, -42, -4),
        _scaled((38, 30, 62), scale),
        tilt=0.2,
        harmonics=draw_harmonics(random, 3, 0.06),
    )
    parts = [*_part("liver", right), *_part("liver", left)]
    if random.random() < 0.5:
        # Geographic: straight borders, at the fissure or at the bed of the gallbladder.
        place = ((0, -50, -28), (-10, -35, -60))[int(random.integers(2))]
        middle, axes = place + random.normal(0, 6, 3), random.uniform((8, 8, 8), (22, 22, 22))
        focal = Superquadric(middle, axes, 8, turn=random.uniform(0, np.pi))
        parts += _part("focal fat", focal, over=("liver",))
    fissure = Superquadric(
        (5, -62, -22), (35, 26, random.uniform(1.5, 4)), 4, turn=random.uniform(-0.4, 0.1)
    )
    parts += _part("fat", fissure, over=("liver", "focal fat"))
    porta, confluence = np.array([4.0, 0, -38]), np.array([64.0, 12, -28])
    for start, end, between, width in (
        ((-24, 2, -20), porta, (-10, 2, -29), 7.0),
        (porta, (8, 8, -96), (6, 6, -70), 5.5),
        (porta, (40, 10, -84), (22, 8, -62), 4.5),
        (porta, (-40, 10, -90), (-14, 6, -68), 4.5),
        (porta, (28, -52, 22), (16, -34, -14), 4.5),
        (confluence, (4, 30, -100), (34, 24, -74), 5.0),
        (confluence, (-6, -30, -78), (32, -12, -54), 5.0),
        (confluence, (26, -50, 8), (44, -24, -14), 4.0),
    ):
        knots = np.array([start, between, end]) + random.normal(0, 5, (3, 3)) * [[0], [1], [1]]
        parts += _part(
            "vessel", Tube(knots, np.linspace(width, width - 2.5, 3)), over=("liver", "focal fat")
        )
    return parts


def _gallbladder(scale: float, random: np.random.Generator) -> list[Part]:
    middle = np.array([-44.0, -44, -54]) + random.normal(0, 4, 3)
    axes = _scaled((34.5, 22, 22), scale)
    shape = Superquadric(
        middle, axes, turn=0.5, tilt=0.3, harmonics=draw_harmonics(random, 2, 0.06)
    )
    return _part("gallbladder", shape)


def _pancreas(scale: float, random: np.random.Generator) -> list[Part]:
    """Return head, neck, body and tail, from the duodenum to the hilum of the spleen."""
    knots = np.array(
        [[-44, -4, -30], [-24, -8, -26], [-8, -20, 2], [2, -8, 38], [14, 6, 72]], float
    )
    knots[1:] += random.normal(0, 3, (4, 3))
    radii = np.array([21.0, 19.5, 14.5, 15.5, 13.5]) * scale
    return _part("pancreas", Tube(knots, radii))


def _kidneys(scale: float, random: np.random.Generator) -> list[Part]:
    """Return both kidneys, bent around a hilum that is filled with fat."""
    parts = []
    for side, height in ((-1, -30.0), (1, -14.0)):
        middle = np.array([height, 42, 62 * side]) + random.normal(0, 3, 3)
        kidney = Superquadric(
            middle,
            _scaled((54, 26, 26), scale),
            bend=-0.25 * side,
            turn=0.5 * side,
            tilt=-0.25 * side,
            harmonics=draw_harmonics(random, 3, 0.03),
        )
        sinus = Superquadric(middle - (0, 6, 13 * side), _scaled((22, 8, 10), scale))
        parts += [*_part("kidneys", kidney), *_part("fat", sinus, over=("kidneys",))]
    return parts


def _vessels(radius: float) -> list[Part]:
    """Return the inferior vena cava and the aorta."""
    cava = np.array([[-140, 24, -24], [40, 20, -26], [80, 6, -26]], float)
    aorta = np.array([[-140, 14, 3], [0, 17, 8], [130, 32, 16]], float)
    return [
        *_part("blood", Tube(cava, np.array([10.0, 11.0, 12.0]))),
        *_part("aorta", Tube(aorta, radius * np.array([0.9, 1.0, 1.1]))),
    ]


def _spine(pitch: float) -> list[Part]:
    """Return a column of vertebrae, with discs between the bodies, arches and the canal."""
    parts = []

    def column(tissue: str, y: float, x: float, deep: float, wide: float, **options) -> None:
        parts.extend(
            _part(tissue, Superquadric((0, y, x), (400, deep, wide), **options), inner=False)
        )

    column("cortex", 50, 0, 17.5, 23, exponent=2.4)
    column("marrow", 50, 0, 15.5, 21, exponent=2.4)
    for number in range(-4, 5):
        middle = (number * pitch, 50, 0)
        disc = Superquadric(middle, (4.5, 18, 23.5), exponent=4)
        parts += _part("disc", disc, over=("cortex", "marrow"), inner=False)
        arch = (number + 0.5) * pitch
        for axes, y, inner in (((13, 19, 4.5), 90, "marrow"), ((9, 5, 36), 72, "marrow")):
            parts += _part("cortex", Superquadric((arch, y, 0), axes, 3), inner=False)
            parts += _part(
                inner, Superquadric((arch, y, 0), _scaled(axes, 0.65), 3), ("cortex",), False
            )
    column("cortex", 74, 0, 12, 15)
    column("canal", 73, 0, 8, 10)
    return parts
