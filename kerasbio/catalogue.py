"""What kerasbio can build, in constants: the builders never read them, the tests compare."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class BuilderRow:
    """A builder and the published network that it gives.

    Attributes:
        name: Name of the function.
        family: Family of the architecture.
        arguments: Of the published network: the shape first, then the number of outputs.
        parameters: Learnable parameters with these arguments.
        reference: Publication.
    """

    name: str
    family: str
    arguments: tuple[Any, ...]
    parameters: int
    reference: str


BUILDERS = (
    BuilderRow(
        "build_perceptron",
        "perceptron",
        ((2,),),
        3,
        "Rosenblatt 1958, doi:10.1037/h0042519",
    ),
    BuilderRow(
        "build_mlp",
        "perceptron",
        ((784,), 10),
        669_706,
        "Rumelhart et al. 1986, doi:10.1038/323533a0",
    ),
    BuilderRow(
        "build_lenet5",
        "CNN",
        ((32, 32, 1), 10),
        61_706,
        "LeCun et al. 1998, doi:10.1109/5.726791",
    ),
    BuilderRow(
        "build_dcgan_generator",
        "GAN",
        ((64, 64, 3),),
        3_576_704,
        "Radford et al. 2016, arXiv:1511.06434",
    ),
    BuilderRow(
        "build_dcgan_discriminator",
        "GAN",
        ((64, 64, 3),),
        2_765_568,
        "Radford et al. 2016, arXiv:1511.06434",
    ),
    BuilderRow(
        "build_gcn",
        "graph network",
        ((1433,), 7),
        23_040,
        "Kipf and Welling 2017, arXiv:1609.02907",
    ),
    BuilderRow(
        "build_q_network",
        "agent",
        ((4,), 2),
        10_934,
        "Huang et al. 2022, CleanRL, jmlr.org/papers/v23/21-1342",
    ),
)
