"""Operations that Keras lacks or does slowly on one backend, one per file.

Only these files ask which backend runs; everything above them is backend-neutral.
"""

from domain_core.ops.activation import activation as activation
from domain_core.ops.activation import canonical_activation as canonical_activation
from domain_core.ops.attention import attention as attention
from domain_core.ops.batch_norm import batch_norm as batch_norm
from domain_core.ops.batch_norm import batch_norm_in_training as batch_norm_in_training
from domain_core.ops.conv2d import conv2d as conv2d
from domain_core.ops.conv2d import keep_kernel_in_order as keep_kernel_in_order
from domain_core.ops.conv2d import max_pool2d as max_pool2d
from domain_core.ops.depthwise_conv2d import depthwise_conv2d as depthwise_conv2d
from domain_core.ops.dropout import dropout as dropout
from domain_core.ops.fused_adam import FusedAdam as FusedAdam
from domain_core.ops.heads import heads_first as heads_first
from domain_core.ops.heads import join_heads as join_heads
from domain_core.ops.heads import split_heads as split_heads
from domain_core.ops.in_place import activation_in_place as activation_in_place
from domain_core.ops.in_place import add_in_place as add_in_place
from domain_core.ops.in_place import from_numpy as from_numpy
from domain_core.ops.is_exporting import is_exporting as is_exporting
from domain_core.ops.layer_norm import layer_norm as layer_norm
from domain_core.ops.linear import bound_linear as bound_linear
from domain_core.ops.pick_boxes import pick_boxes as pick_boxes
from domain_core.ops.rms_norm import rms_norm as rms_norm
from domain_core.ops.rotate import rotate as rotate
from domain_core.ops.take_rows import take_rows as take_rows
from domain_core.ops.top_k import top_k as top_k
from domain_core.ops.write_rows import write_rows as write_rows
