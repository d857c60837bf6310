"""What kerasbio can build, in constants: the builders never read them, the tests compare."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class BuilderRow:
    """A builder and the published network that it gives.

    Attributes:
        name: Name of the function.
        family: Family of the architecture.
        input_shape: Input of the published network.
        num_classes: Classes of the published network.
        parameters: All parameters at that input and number of classes.
        reference: Publication.
    """

    name: str
    family: str
    input_shape: tuple[int, ...]
    num_classes: int
    parameters: int
    reference: str


BUILDERS = (
    BuilderRow(
        "build_lenet5",
        "CNN",
        (32, 32, 1),
        10,
        61_706,
        "LeCun et al. 1998, doi:10.1109/5.726791",
    ),
)
