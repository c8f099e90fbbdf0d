"""Legal and usual calls by other hands, which did not know the code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.failures.lookalikes import Call as Made
from tests.failures.lookalikes import legal


@legal
def bare_batchnorm2d_of_one_image() -> Made:
    return nn.BatchNorm2d(8), (torch.randn(1, 8, 32, 32),), {}


@legal
def unbatched_picture_in_eval() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(0),
        nn.Linear(8, 4),
    )
    return net.eval(), (torch.randn(3, 20, 20),), {}


@legal
def linear_over_the_last_axis_of_a_convnext_block() -> Made:
    class Block(nn.Module):
        def __init__(self, d: int = 8) -> None:
            super().__init__()
            self.dw = nn.Conv2d(d, d, 7, padding=3, groups=d)
            self.norm = nn.LayerNorm(d)
            self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.gamma = nn.Parameter(1e-6 * torch.ones(d))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(self.dw(x).permute(0, 2, 3, 1))
            y = self.gamma * self.down(F.gelu(self.up(y)))
            return x + y.permute(0, 3, 1, 2)

    return Block(), (torch.randn(2, 8, 14, 14),), {}


@legal
def pool_padded_by_exactly_half() -> Made:
    return (
        nn.Sequential(nn.MaxPool2d(2, 2, padding=1), nn.AvgPool2d(4, 2, padding=2)),
        (torch.randn(2, 3, 17, 17),),
        {},
    )


@legal
def channels_last_memory() -> Made:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)).to(
        memory_format=torch.channels_last
    )
    return net, (torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last),), {}


class _SE(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, 8, 1), nn.ReLU(), nn.Conv2d(8, c, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


@legal
def squeeze_and_excitation() -> Made:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3), _SE(16)), (torch.randn(4, 3, 16, 16),), {}


@legal
def spatial_attention_of_cbam() -> Made:
    class Spatial(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            stats = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
            return x * torch.sigmoid(self.conv(stats))

    return nn.Sequential(nn.Conv2d(3, 16, 3), Spatial()), (torch.randn(2, 3, 20, 20),), {}


@legal
def soft_targets_after_mixup() -> Made:
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))
    return (
        (lambda x, y: F.cross_entropy(net(x), y)),
        (torch.randn(4, 3, 4, 4), torch.rand(4, 5).softmax(1)),
        {},
    )


@legal
def segmentation_cross_entropy() -> Made:
    return (
        nn.CrossEntropyLoss(ignore_index=255),
        (torch.randn(2, 4, 8, 8), torch.randint(0, 4, (2, 8, 8))),
        {},
    )


@legal
def log_softmax_before_nll() -> Made:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LogSoftmax(dim=1)
    )
    return (
        (lambda x, y: F.nll_loss(net(x), y)),
        (torch.randn(6, 1, 9, 9), torch.randint(0, 4, (6,))),
        {},
    )


@legal
def attention_softmax_inside_a_classifier_with_cross_entropy() -> Made:
    class Att(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 8, 4, 4)
            self.score = nn.Linear(8, 1)
            self.softmax = nn.Softmax(dim=1)
            self.fc = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            t = self.embed(x).flatten(2).transpose(1, 2)
            return self.fc((self.softmax(self.score(t)) * t).sum(1))

    net = Att()
    return (
        (lambda x, y: nn.CrossEntropyLoss()(net(x), y)),
        (torch.randn(4, 3, 16, 16), torch.tensor([1, 0, 7, 3])),
        {},
    )


@legal
def distillation_with_softmax_teacher() -> Made:
    s, t = nn.Linear(6, 3), nn.Linear(6, 3)

    def distil(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        soft = F.softmax(t(x) / 4, dim=-1).detach()
        kd = F.kl_div(F.log_softmax(s(x) / 4, dim=-1), soft, reduction="batchmean")
        return kd + F.cross_entropy(s(x), y)

    return distil, (torch.randn(5, 6), torch.tensor([0, 1, 2, 1, 0])), {}


@legal
def position_embedding_that_broadcasts_over_the_batch() -> Made:
    class Pos(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Conv2d(3, 12, 8, 8)
            self.pos = nn.Parameter(torch.randn(1, 16, 12))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.proj(x).flatten(2).mT + self.pos

    return Pos(), (torch.randn(4, 3, 32, 32),), {}


@legal
def columns_against_columns() -> Made:
    net = nn.Linear(4, 1)
    return (lambda x, y: F.mse_loss(net(x), y)), (torch.randn(8, 4), torch.randn(8, 1)), {}


@legal
def flat_against_flat() -> Made:
    net = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    return (lambda x, y: nn.SmoothL1Loss()(net(x), y)), (torch.randn(8, 4), torch.randn(8)), {}


@legal
def one_image_in_eval() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    return net.eval(), (torch.randn(1, 3, 32, 32),), {}


@legal
def style_transfer_trains_on_one_image_with_instance_norm() -> Made:
    net = nn.Sequential(
        nn.ReflectionPad2d(4),
        nn.Conv2d(3, 8, 9),
        nn.InstanceNorm2d(8, affine=True),
        nn.ReLU(),
        nn.GroupNorm(2, 8),
    )
    return net.train(), (torch.randn(1, 3, 24, 24),), {}


@legal
def one_slope_for_all_channels() -> Made:
    return nn.Sequential(nn.Conv2d(3, 32, 3), nn.PReLU()), (torch.randn(2, 3, 8, 8),), {}


@legal
def mostly_zero_but_alive() -> Made:
    torch.manual_seed(1)
    conv = nn.Conv2d(3, 8, 3)
    nn.init.constant_(conv.bias, -0.9)
    return nn.Sequential(conv, nn.ReLU()), (torch.randn(2, 3, 24, 24),), {}


@legal
def zero_started_residual_branch() -> Made:
    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.bn = nn.BatchNorm2d(3)
            nn.init.zeros_(self.bn.weight)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(x + self.bn(self.conv(x)))

    return Zero(), (torch.randn(4, 3, 10, 10),), {}


@legal
def shape_check_with_a_black_picture() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    return net.eval(), (torch.zeros(2, 3, 32, 32),), {}


@legal
def convolution_over_the_whole_map() -> Made:
    return (
        nn.Sequential(nn.Conv2d(8, 4, 7), nn.Flatten(), nn.Linear(4, 2)),
        (torch.randn(3, 8, 7, 7),),
        {},
    )


@legal
def strip_of_three_pixels_width() -> Made:
    return nn.Conv2d(3, 4, 3), (torch.randn(2, 3, 40, 3),), {}


@legal
def unbatched_sequence() -> Made:
    return nn.Sequential(nn.Conv1d(6, 4, 3), nn.ReLU()), (torch.randn(6, 50),), {}


@legal
def mask_of_one_channel_over_a_picture() -> Made:
    fill = nn.Conv2d(4, 3, 3, padding=1)

    def inpaint(img: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        guess = fill(torch.cat([img * mask, mask], 1))
        return mask * img + (1 - mask) * guess

    return inpaint, (torch.rand(2, 3, 16, 16), (torch.rand(2, 1, 16, 16) > 0.3).float()), {}


@legal
def bias_per_channel() -> Made:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - self.mean) / self.std

    return nn.Sequential(Norm(), nn.Conv2d(3, 8, 3)), (torch.rand(2, 3, 12, 12),), {}


@legal
def twin_network_with_shared_weights() -> Made:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 8))
    return (
        (lambda a, b: (net(a) - net(b)).norm(dim=1)),
        (torch.randn(3, 1, 12, 12), torch.randn(3, 1, 12, 12)),
        {},
    )


@legal
def sigmoid_then_bce() -> Made:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Sigmoid())
    return (
        (lambda x, y: F.binary_cross_entropy(net(x), y)),
        (torch.randn(4, 1, 4, 4), torch.rand(4, 1).round()),
        {},
    )


@legal
def distances_between_all_pairs() -> Made:
    net = nn.Linear(10, 4)

    def proto(query: torch.Tensor, support: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        d = (net(query).unsqueeze(1) - net(support).unsqueeze(0)).pow(2).sum(-1)
        return F.cross_entropy(-d, y)

    return proto, (torch.randn(6, 10), torch.randn(3, 10), torch.tensor([0, 1, 2, 0, 1, 2])), {}


@legal
def grey_denoiser_with_a_one_channel_residual() -> Made:
    class DnCNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x - self.body(x)

    return DnCNN(), (torch.rand(1, 1, 20, 20),), {}
