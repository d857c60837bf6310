"""What kerasbio can build, in constants: the builders never read them, the tests compare."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class BuilderRow:
    """A builder and a published network that it gives.

    Attributes:
        name: Name of the function.
        network: Name of the network, which no other row has.
        family: Family of the architecture.
        arguments: Of the published network: the shape first, then the number of outputs.
        keywords: Keyword arguments beside them.
        parameters: Trainable parameters.
        without_batch_norm: Trainable parameters but for those of batch normalization.
        keras_total: What `count_params` gives: moving statistics and fixed weights too.
        output_shape: Shape of the output without the batch.
        macs: Multiplications of one case by the kernels of convolutions, transposed convolutions
            and dense layers, as `kerasbio.counting` counts them; None where not counted.
        reference: Publication.
    """

    name: str
    network: str
    family: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    parameters: int
    without_batch_norm: int
    keras_total: int
    output_shape: tuple[int | None, ...]
    macs: int | None
    reference: str


LENET = "LeCun et al. 1998, doi:10.1109/5.726791"
ALEXNET = "Krizhevsky et al. 2012, doi:10.1145/3065386"
TOWER = "Krizhevsky 2014, arXiv:1404.5997"
VGG = "Simonyan and Zisserman 2015, arXiv:1409.1556"
RESNET = "He et al. 2016, arXiv:1512.03385"
MEDMNIST = "Yang et al. 2023, doi:10.1038/s41597-022-01721-8"
UNET = "Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28"
UNET_3D = "Çiçek et al. 2016, doi:10.1007/978-3-319-46723-8_49"
ATTENTION = "Oktay et al. 2018, arXiv:1804.03999"
DCGAN = "Radford et al. 2016, arXiv:1511.06434"

#: The images of ImageNet, as most networks for it see them.
IMAGE = (224, 224, 3)
#: Depth, height, width and channel of a CT as the Attention U-Net was trained on.
VOLUME = (96, 160, 160, 1)

BUILDERS = (
    BuilderRow(
        "build_perceptron", "perceptron", "perceptron", ((2,),), {},
        3, 3, 3, (1,), 2, "Rosenblatt 1958, doi:10.1037/h0042519",
    ),
    BuilderRow(
        "build_mlp", "mlp", "perceptron", ((784,), 10), {},
        669_706, 669_706, 669_706, (10,), 668_672, "Rumelhart et al. 1986, doi:10.1038/323533a0",
    ),
    BuilderRow(
        "build_lenet5", "lenet5", "CNN", ((32, 32, 1), 10), {},
        61_706, 61_706, 61_706, (10,), 416_520, LENET,
    ),
    BuilderRow(
        "build_lenet5_1998", "lenet5_1998", "CNN", ((32, 32, 1), 10), {},
        60_000, 60_000, 60_000, (10,), 325_680, LENET,
    ),
    BuilderRow(
        "build_alexnet", "alexnet", "CNN", ((227, 227, 3), 1000), {},
        60_965_224, 60_965_224, 60_965_224, (1000,), 724_406_816, ALEXNET,
    ),
    BuilderRow(
        "build_alexnet", "alexnet_ungrouped", "CNN", ((227, 227, 3), 1000), {"groups": 1},
        62_378_344, 62_378_344, 62_378_344, (1000,), 1_135_256_096, ALEXNET,
    ),
    BuilderRow(
        "build_alexnet_single_tower", "alexnet_single_tower", "CNN", ((224, 224, 3), 1000), {},
        61_100_840, 61_100_840, 61_100_840, (1000,), 714_188_480, TOWER,
    ),
    BuilderRow(
        "build_vgg", "vgg11", "CNN", (IMAGE, 1000), {"depth": 11},
        132_863_336, 132_863_336, 132_863_336, (1000,), 7_609_090_048, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg13", "CNN", (IMAGE, 1000), {"depth": 13},
        133_047_848, 133_047_848, 133_047_848, (1000,), 11_308_466_176, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg16", "CNN", (IMAGE, 1000), {"depth": 16},
        138_357_544, 138_357_544, 138_357_544, (1000,), 15_470_264_320, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg19", "CNN", (IMAGE, 1000), {"depth": 19},
        143_667_240, 143_667_240, 143_667_240, (1000,), 19_632_062_464, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg11_features", "CNN", (IMAGE, None), {"depth": 11},
        9_220_480, 9_220_480, 9_220_480, (7, 7, 512), 7_485_456_384, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg13_features", "CNN", (IMAGE, None), {"depth": 13},
        9_404_992, 9_404_992, 9_404_992, (7, 7, 512), 11_184_832_512, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg16_features", "CNN", (IMAGE, None), {"depth": 16},
        14_714_688, 14_714_688, 14_714_688, (7, 7, 512), 15_346_630_656, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg19_features", "CNN", (IMAGE, None), {"depth": 19},
        20_024_384, 20_024_384, 20_024_384, (7, 7, 512), 19_508_428_800, VGG,
    ),
    BuilderRow(
        "build_vgg", "vgg16_batch_norm", "CNN", (IMAGE, 1000), {"depth": 16, "batch_norm": True},
        138_365_992, 138_357_544, 138_374_440, (1000,), 15_470_264_320, VGG,
    ),
    BuilderRow(
        "build_resnet", "resnet18", "CNN", (IMAGE, 1000), {"depth": 18},
        11_689_512, 11_679_912, 11_699_112, (1000,), 1_814_073_344, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet34", "CNN", (IMAGE, 1000), {"depth": 34},
        21_797_672, 21_780_648, 21_814_696, (1000,), 3_663_761_408, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet50_v1", "CNN", (IMAGE, 1000), {"depth": 50},
        25_557_032, 25_503_912, 25_610_152, (1000,), 3_857_973_248, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet50_v1.5", "CNN", (IMAGE, 1000), {"depth": 50, "version": "v1.5"},
        25_557_032, 25_503_912, 25_610_152, (1000,), 4_089_184_256, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet50_conv_bias", "CNN", (IMAGE, 1000),
        {"depth": 50, "conv_bias": True},
        25_583_592, 25_530_472, 25_636_712, (1000,), 3_857_973_248, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet101", "CNN", (IMAGE, 1000), {"depth": 101},
        44_549_160, 44_443_816, 44_654_504, (1000,), 7_570_194_432, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet152", "CNN", (IMAGE, 1000), {"depth": 152},
        60_192_808, 60_041_384, 60_344_232, (1000,), 11_282_415_616, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet18_features", "CNN", (IMAGE, None), {"depth": 18},
        11_176_512, 11_166_912, 11_186_112, (7, 7, 512), 1_813_561_344, RESNET,
    ),
    BuilderRow(
        "build_resnet", "resnet18_small_images", "CNN", ((28, 28, 3), 9),
        {"depth": 18, "stem": "3x3"},
        11_173_449, 11_163_849, 11_183_049, (9,), 456_703_488, MEDMNIST,
    ),
    BuilderRow(
        "build_resnet", "resnet50_small_images", "CNN", ((28, 28, 3), 9),
        {"depth": 50, "stem": "3x3"},
        23_518_793, 23_465_673, 23_571_913, (9,), 991_884_288, MEDMNIST,
    ),
    BuilderRow(
        "build_resnet", "resnet18_3d", "CNN", ((64, 64, 64, 1), 2), {"depth": 18},
        33_161_026, 33_151_426, 33_170_626, (2,), 3_925_869_568, RESNET,
    ),
    BuilderRow(
        "build_unet", "unet", "U-Net", ((572, 572, 1), 2), {},
        31_030_658, 31_030_658, 31_030_658, (388, 388, 2), 150_428_424_448, UNET,
    ),
    BuilderRow(
        "build_unet", "unet_one_class", "U-Net", ((572, 572, 1), 1), {},
        31_030_593, 31_030_593, 31_030_593, (388, 388, 1), 150_418_789_632, UNET,
    ),
    BuilderRow(
        "build_unet", "unet_color", "U-Net", ((572, 572, 3), 2), {},
        31_031_810, 31_031_810, 31_031_810, (388, 388, 2), 150_802_709_248, UNET,
    ),
    BuilderRow(
        "build_unet", "unet_color_one_class", "U-Net", ((572, 572, 3), 1), {},
        31_031_745, 31_031_745, 31_031_745, (388, 388, 1), 150_793_074_432, UNET,
    ),
    BuilderRow(
        "build_unet_3d", "unet_3d", "U-Net", ((116, 132, 132, 3), 3), {},
        19_074_627, 19_069_955, 19_079_299, (28, 44, 44, 3), 266_731_018_496, UNET_3D,
    ),
    BuilderRow(
        "build_attention_unet", "attention_unet", "U-Net", (VOLUME, 4), {},
        6_214_151, 6_209_799, 6_218_503, (96, 160, 160, 4), 171_534_720_000, ATTENTION,
    ),
    BuilderRow(
        "build_attention_unet", "attention_unet_two_gates", "U-Net", (VOLUME, 4), {"gates": 2},
        6_473_322, 6_468_522, 6_478_122, (96, 160, 160, 4), 173_325_465_600, ATTENTION,
    ),
    BuilderRow(
        "build_attention_unet", "attention_unet_no_gates", "U-Net", (VOLUME, 4), {"gates": 0},
        5_888_004, 5_885_060, 5_890_948, (96, 160, 160, 4), 169_704_652_800, ATTENTION,
    ),
    BuilderRow(
        "build_equal_resolution_attention_unet", "equal_resolution_attention_unet", "U-Net",
        (IMAGE, 1), {},
        34_878_573, 34_862_949, 34_894_197, (224, 224, 1), 50_856_587_264,
        "AttU_Net of github.com/LeeJunHyun/Image_Segmentation, 2018",
    ),
    BuilderRow(
        "build_nested_unet", "nested_unet", "U-Net", ((96, 96, 1), 1), {},
        9_041_601, 9_041_601, 9_041_601, (96, 96, 1), 4_183_621_632,
        "Zhou et al. 2018, arXiv:1807.10165",
    ),
    BuilderRow(
        "build_dcgan_generator", "dcgan_generator", "GAN", ((64, 64, 3),), {},
        3_576_704, 3_574_784, 3_578_624, (64, 64, 3), 104_628_224, DCGAN,
    ),
    BuilderRow(
        "build_dcgan_discriminator", "dcgan_discriminator", "GAN", ((64, 64, 3),), {},
        2_765_568, 2_763_776, 2_767_360, (1,), 103_817_216, DCGAN,
    ),
    BuilderRow(
        "build_gcn", "gcn", "graph network", ((1433,), 7), {},
        23_040, 23_040, 23_040, (7,), None, "Kipf and Welling 2017, arXiv:1609.02907",
    ),
    BuilderRow(
        "build_q_network", "q_network", "agent", ((4,), 2), {},
        10_934, 10_934, 10_934, (2,), 10_728,
        "Huang et al. 2022, CleanRL, jmlr.org/papers/v23/21-1342",
    ),
)  # fmt: skip
