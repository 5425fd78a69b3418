"""UNet++: nested U-Nets of every depth, trained together."""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.errors import require
from lgg_seg.networks.base import SegmentationNetwork, initialise
from lgg_seg.networks.unet import LEVELS, STRIDE, double_convolution, level_widths


class UNetPlusPlus(SegmentationNetwork):
    """UNet++ of Zhou et al. (arXiv 1807.10165, Fig. 1a and Eq. 1).

    Node x(i, j) stands at level i (0 the finest) and is the j-th along its skip path: it sees all x(i, 0) … x(i, j-1)
    and the upsampled x(i+1, j-1). 9,163,329 parameters at 32 filters (3 → 1 channels), 9,163,428 with deep supervision.

    Deep supervision puts a 1x1 head on each of x(0, 1) … x(0, 4). In train mode the network then returns the four
    logits as a tuple, in that order, each for its own loss. In eval mode it returns one logits tensor, see `output`.
    Deviations from the paper: upsampling is bilinear, batch norm follows each 3x3 convolution.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        deep_supervision: four heads in place of the one on x(0, 4).
        output: what eval mode returns under deep supervision. "average" is the paper's accurate mode: the log-odds of
            the heads' mean *probability*. 1 … 4 is its fast mode: the head on x(0, output) of the pruned UNet++ alone.
        align_corners: upsampling maps corner pixels' centres onto each other, as in 4uiiurz1/pytorch-nested-unet,
            whose weights need it. The default maps pixel areas.

    Raises:
        UserError: one of four heads without deep supervision.
    """

    def __init__(
        self,
        filters: int = 32,
        deep_supervision: bool = True,
        output: Literal["average", 1, 2, 3, 4] = "average",
        align_corners: bool = False,
        in_channels: int = 3,
        out_channels: int = 1,
    ) -> None:
        has_head = output == "average" or deep_supervision
        require(has_head, "model.output", output, "average unless model.deep_supervision=true makes its heads")
        super().__init__(stride=STRIDE)
        widths = level_widths(filters)
        self.output, self.align_corners = output, align_corners
        self.nodes = nn.ModuleDict()
        for i, (above, width) in enumerate(pairwise([in_channels, *widths])):
            self.nodes[f"x{i}_0"] = double_convolution(above, width)
        for j in range(1, LEVELS):
            for i in range(LEVELS - j):
                self.nodes[f"x{i}_{j}"] = double_convolution(j * widths[i] + widths[i + 1], widths[i])
        supervised = range(1, LEVELS) if deep_supervision else [LEVELS - 1]
        self.heads = nn.ModuleDict({str(j): nn.Conv2d(filters, out_channels, kernel_size=1) for j in supervised})
        initialise(self)

    def logits(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The four logits in training under deep supervision, else one; 16 divides H and W."""
        pruned = not self.training and self.output != "average"
        heads = [str(self.output)] if pruned else list(self.heads)
        finest = self._finest_nodes(x, depth=int(heads[-1]))
        logits: tuple[Tensor, ...] = tuple(self.heads[j](finest[int(j)]) for j in heads)
        if len(logits) == 1:
            return logits[0]
        return logits if self.training else average(logits)

    def _finest_nodes(self, x: Tensor, depth: int) -> list[Tensor]:
        """x(0, 0) … x(0, depth), each `(B, filters, H, W)`, by way of UNet++ L`depth`."""
        rows: list[list[Tensor]] = []
        for i in range(depth + 1):
            above = F.max_pool2d(rows[-1][0], kernel_size=2) if rows else x
            rows.append([self.nodes[f"x{i}_0"](above)])
        for j in range(1, depth + 1):
            for i in range(depth + 1 - j):
                coarse, align = rows[i + 1][j - 1], self.align_corners
                below = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=align)
                rows[i].append(self.nodes[f"x{i}_{j}"](torch.cat([*rows[i], below], dim=1)))
        return rows[0]


def average(logits: tuple[Tensor, ...]) -> Tensor:
    """Log-odds of the mean probability of several logits of one shape; float32, stable at any magnitude."""
    stacked = torch.stack(logits).float()
    return torch.logsumexp(F.logsigmoid(stacked), dim=0) - torch.logsumexp(F.logsigmoid(-stacked), dim=0)
