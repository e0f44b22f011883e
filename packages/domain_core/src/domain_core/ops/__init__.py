"""Operations that Keras lacks or does slowly on one backend, one per file.

Only these files ask which backend runs; everything above them is backend-neutral.
"""

from domain_core.ops.activation import activation as activation
from domain_core.ops.attention import attention as attention
from domain_core.ops.dropout import dropout as dropout
from domain_core.ops.fused_adam import FusedAdam as FusedAdam
from domain_core.ops.layer_norm import layer_norm as layer_norm
from domain_core.ops.linear import linear as linear
from domain_core.ops.take_rows import take_rows as take_rows
