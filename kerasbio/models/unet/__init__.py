"""U-Nets for images and volumes."""

from kerasbio.models.unet.attention import build_attention_unet as build_attention_unet
from kerasbio.models.unet.attention import (
    build_equal_resolution_attention_unet as build_equal_resolution_attention_unet,
)
from kerasbio.models.unet.nested import build_nested_unet as build_nested_unet
from kerasbio.models.unet.plain import build_unet as build_unet
from kerasbio.models.unet.plain import build_unet_3d as build_unet_3d
from kerasbio.models.unet.planning import plan_pooling as plan_pooling
