"""Convolutional classifiers."""

from kerasbio.models.cnn.alexnet import build_alexnet as build_alexnet
from kerasbio.models.cnn.alexnet import build_alexnet_single_tower as build_alexnet_single_tower
from kerasbio.models.cnn.lenet import build_lenet5 as build_lenet5
from kerasbio.models.cnn.lenet import build_lenet5_1998 as build_lenet5_1998
from kerasbio.models.cnn.resnet import build_resnet as build_resnet
from kerasbio.models.cnn.vgg import build_vgg as build_vgg
