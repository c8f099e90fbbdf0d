"""Calls that are legal and usual but look like mistakes: no diagnosis may warn of any of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

__all__ = ["LOOKALIKES", "Call"]

Call = tuple[Any, tuple[Any, ...], dict[str, Any]]

LOOKALIKES: list[tuple[str, Callable[[], Call]]] = []


def legal(build: Callable[[], Call]) -> Callable[[], Call]:
    """Note a call that is right; its weights and inputs are always the same."""

    @functools.wraps(build)
    def seeded() -> Call:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build()

    LOOKALIKES.append((build.__name__, seeded))
    return seeded


# Networks that several cases share


class Residual(nn.Module):
    """A block of ResNet-18."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """ResNet-18 with an eighth of its channels."""

    def __init__(self, classes: int = 10, width: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        channels = width
        for stage in range(4):
            out = width * 2**stage
            blocks += [Residual(channels, out, 1 if stage == 0 else 2), Residual(out, out)]
            channels = out
        self.layers = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layers(x)), 1))


class UNet(nn.Module):
    """Two steps down, two steps up, with concatenated skips."""

    def __init__(self, channels: int = 3, classes: int = 2) -> None:
        super().__init__()
        self.down1 = self.twice(channels, 8)
        self.down2 = self.twice(8, 16)
        self.bottom = self.twice(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.dec2 = self.twice(32, 16)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec1 = self.twice(16, 8)
        self.head = nn.Conv2d(8, classes, 1)

    @staticmethod
    def twice(channels: int, out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, out, 3, padding=1),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        first = self.down1(x)
        second = self.down2(self.pool(first))
        x = self.bottom(self.pool(second))
        x = self.dec2(torch.cat([self.up2(x), second], dim=1))
        x = self.dec1(torch.cat([self.up1(x), first], dim=1))
        return self.head(x)


def small_cnn(classes: int = 10, *, norm: bool = False, dropout: float | None = None) -> nn.Module:
    """A classifier of 3-channel images of any size."""
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 3, padding=1)]
    if norm:
        layers.append(nn.BatchNorm2d(8))
    layers += [nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if dropout is not None:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(16, classes))


# Layers on their own, and sizes


@legal
def batch_norm_layer_on_one_image() -> Call:
    """One image has 64 pixels to average over in each channel."""
    return nn.BatchNorm2d(4).train(), (torch.randn(1, 4, 8, 8),), {}


@legal
def unbatched_image_through_convolutions() -> Call:
    """Convolutions and pooling take (C, H, W)."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3)
    )
    return model, (torch.randn(3, 16, 16),), {}


@legal
def linear_on_the_last_of_four_dimensions() -> Call:
    """A linear layer needs only its last dimension; here it follows a permute."""

    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 12, 4, stride=4)
            self.mlp = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    return Mixer(), (torch.randn(2, 3, 16, 20),), {}


@legal
def pooling_padded_by_half_of_its_kernel() -> Call:
    """Half of the kernel is the most that is allowed."""
    return nn.MaxPool2d(2, stride=2, padding=1), (torch.randn(2, 4, 7, 7),), {}


@legal
def channels_last_memory_format() -> Call:
    """The strides change, the size stays (N, C, H, W)."""
    model = small_cnn().to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 16, 16).to(memory_format=torch.channels_last)
    return model, (images,), {}


@legal
def transposed_convolution_with_output_padding() -> Call:
    """16 becomes 32, as the encoder had it."""
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
    )
    return model, (torch.randn(2, 1, 32, 32),), {}


@legal
def transposed_convolution_told_its_output_size() -> Call:
    """The size is that of the skip connection, odd as it is."""

    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Conv2d(4, 8, 3, stride=2, padding=1)
            self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.up(self.down(x), output_size=x.shape[-2:])

    return Up(), (torch.randn(2, 4, 15, 18),), {}


@legal
def depthwise_then_pointwise() -> Call:
    """As many groups as channels, then a kernel of one pixel."""
    model = nn.Sequential(
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(inplace=True),
        nn.Conv2d(16, 32, 1, bias=False),
        nn.BatchNorm2d(32),
    )
    return model, (torch.randn(4, 16, 8, 8),), {}


@legal
def pixel_shuffle_to_super_resolution() -> Call:
    """12 channels of a pixel become 3 of four pixels."""
    model = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 12, 3, padding=1),
        nn.PixelShuffle(2),
    )  # fmt: skip
    return model, (torch.rand(1, 3, 12, 12),), {}


@legal
def gated_linear_units_halve_the_channels() -> Call:
    """GLU over the channels leaves 8 of 16."""
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GLU(dim=1), nn.Conv2d(8, 4, 1))
    return model, (torch.randn(2, 3, 10, 10),), {}


@legal
def lstm_with_batch_first() -> Call:
    """(N, L, C), of which the last step is classified."""

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(6, 12, batch_first=True, bidirectional=True)
            self.head = nn.Linear(24, 5)

        def forward(self, x: Tensor) -> Tensor:
            output, (_hidden, _cell) = self.lstm(x)
            return self.head(output[:, -1])

    return Tagger(), (torch.randn(3, 9, 6),), {}


@legal
def convolutions_of_audio() -> Call:
    """One channel of sound, a long kernel and a long stride."""
    model = nn.Sequential(
        nn.Conv1d(1, 8, 80, stride=16),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Conv1d(8, 16, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )
    return model, (torch.randn(4, 1, 2000),), {}


@legal
def convolutions_of_video() -> Call:
    """(N, C, T, H, W), of which only height and width are pooled."""
    model = nn.Sequential(
        nn.Conv3d(3, 8, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3)),
        nn.ReLU(),
        nn.MaxPool3d((1, 2, 2)),
        nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0)),
        nn.AdaptiveAvgPool3d((None, 1, 1)),
    )
    return model, (torch.randn(2, 3, 5, 24, 24),), {}


@legal
def convolutions_of_embedded_words() -> Call:
    """(N, L, C) is turned to (N, C, L) before the convolutions, which are of three lengths."""

    class TextCNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(50, 8, padding_idx=0)
            self.convs = nn.ModuleList(nn.Conv1d(8, 4, size) for size in (2, 3, 4))
            self.fc = nn.Linear(12, 2)

        def forward(self, words: Tensor) -> Tensor:
            x = self.embed(words).transpose(1, 2)
            return self.fc(torch.cat([conv(x).relu().amax(dim=2) for conv in self.convs], dim=1))

    return TextCNN(), (torch.randint(0, 50, (3, 11)),), {}


@legal
def one_channel_residual_on_one_channel() -> Call:
    """A denoiser subtracts the noise that it finds in a grey image."""

    class Denoiser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.noise = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
            )

        def forward(self, x: Tensor) -> Tensor:
            return x - self.noise(x)

    return Denoiser(), (torch.rand(2, 1, 16, 16),), {}


# Broadcasting that is meant


@legal
def attention_gate_of_one_channel() -> Call:
    """(N, 1, H, W) times (N, C, H, W), as in Attention U-Net."""

    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.signal = nn.Conv2d(8, 4, 1)
            self.skip = nn.Conv2d(6, 4, 1)
            self.psi = nn.Conv2d(4, 1, 1)

        def forward(self, signal: Tensor, skip: Tensor) -> Tensor:
            weight = torch.relu(self.signal(signal) + self.skip(skip))
            return skip * torch.sigmoid(self.psi(weight))

    return Gate(), (torch.randn(2, 8, 12, 12), torch.randn(2, 6, 12, 12)), {}


@legal
def residual_attention_of_one_channel() -> Call:
    """x + x * gate: the gate is multiplied, and what is added has all channels."""

    class Spatial(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
            return x + x * self.conv(both).sigmoid()

    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Spatial()), (torch.randn(2, 3, 9, 9),), {}


@legal
def squeeze_and_excitation() -> Call:
    """(N, C, 1, 1) times (N, C, H, W)."""

    class Squeeze(nn.Module):
        def __init__(self, channels: int, reduction: int) -> None:
            super().__init__()
            self.fc = nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(channels, channels // reduction, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels // reduction, channels, 1),
                nn.Sigmoid(),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x * self.fc(x)

    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), Squeeze(16, 2))
    return model, (torch.randn(2, 3, 12, 12),), {}


@legal
def global_context_added_to_every_pixel() -> Call:
    """(N, C, 1, 1) plus (N, C, H, W): a global context block."""

    class Context(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mask = nn.Conv2d(8, 1, 1)
            self.transform = nn.Conv2d(8, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            weight = self.mask(x).flatten(2).softmax(dim=-1)
            context = torch.einsum("ncl,nkl->nc", x.flatten(2), weight)
            return x + self.transform(context[..., None, None])

    return Context(), (torch.randn(2, 8, 6, 6),), {}


@legal
def position_embedding_shared_by_the_batch() -> Call:
    """(1, L, C) is added to (N, L, C), after a class token is put before the patches."""

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 16, 4, stride=4)
            self.token = nn.Parameter(torch.zeros(1, 1, 16))
            self.position = nn.Parameter(torch.randn(1, 17, 16) * 0.02)
            self.block = nn.TransformerEncoderLayer(
                16, 4, 32, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
            )
            self.head = nn.Linear(16, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.position
            return self.head(self.block(x)[:, 0])

    return ViT(), (torch.randn(2, 3, 16, 16),), {}


@legal
def bias_maps_of_every_shape() -> Call:
    """A bias for each channel, one for each pixel, and one for both."""

    class Biases(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
            self.channel = nn.Parameter(torch.randn(6, 1, 1))
            self.pixel = nn.Parameter(torch.randn(8, 8))
            self.both = nn.Parameter(torch.randn(1, 6, 8, 8))

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + self.channel + self.pixel + self.both

    return Biases(), (torch.randn(4, 3, 8, 8),), {}


@legal
def noise_of_one_channel_scaled_for_each() -> Call:
    """StyleGAN: (N, 1, H, W) of noise times (1, C, 1, 1), added to (N, C, H, W)."""

    class Noise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 8, 3, padding=1)
            self.strength = nn.Parameter(torch.full((1, 8, 1, 1), 0.1))

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            noise = torch.randn(x.shape[0], 1, *x.shape[2:])
            return functional.leaky_relu(x + self.strength * noise, 0.2)

    return Noise(), (torch.randn(2, 4, 8, 8),), {}


@legal
def grey_images_normalised_with_three_means() -> Call:
    """(N, 1, H, W) minus (1, 3, 1, 1) gives the three channels that the network wants."""

    class Normalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
            self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
            self.net = small_cnn()

        def forward(self, x: Tensor) -> Tensor:
            return self.net((x - self.mean) / self.std)

    return Normalised(), (torch.rand(2, 1, 16, 16),), {}


@legal
def layer_norm_over_channels_by_hand() -> Call:
    """ConvNeXt: the mean over the channels has one channel, and is taken from all."""

    class Block(nn.Module):
        def __init__(self, channels: int = 8) -> None:
            super().__init__()
            self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
            self.weight = nn.Parameter(torch.ones(channels))
            self.bias = nn.Parameter(torch.zeros(channels))
            self.wide = nn.Conv2d(channels, 4 * channels, 1)
            self.narrow = nn.Conv2d(4 * channels, channels, 1)
            self.scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))

        def forward(self, x: Tensor) -> Tensor:
            y = self.depthwise(x)
            mean = y.mean(1, keepdim=True)
            variance = (y - mean).pow(2).mean(1, keepdim=True)
            y = (y - mean) / torch.sqrt(variance + 1e-6)
            y = self.weight[:, None, None] * y + self.bias[:, None, None]
            return x + self.scale * self.narrow(functional.gelu(self.wide(y)))

    return Block(), (torch.randn(2, 8, 10, 10),), {}


@legal
def dueling_network_adds_one_value_to_all_actions() -> Call:
    """V is (N, 1), A is (N, 4): the sum is meant to broadcast."""

    class Dueling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(4, 8, 4, stride=2), nn.ReLU(), nn.Flatten())
            self.value = nn.Linear(8 * 49, 1)
            self.advantage = nn.Linear(8 * 49, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.body(x)
            advantage = self.advantage(x)
            return self.value(x) + advantage - advantage.mean(dim=1, keepdim=True)

    return Dueling(), (torch.rand(3, 4, 16, 16),), {}


@legal
def causal_mask_added_to_all_heads() -> Call:
    """(1, 1, L, L) of 0 and minus infinity, added to scores of (N, heads, L, L)."""

    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(16, 48)
            self.out = nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            n, length, _ = x.shape
            q, k, v = self.qkv(x).view(n, length, 3, 4, 4).permute(2, 0, 3, 1, 4)
            mask = torch.full((1, 1, length, length), float("-inf")).triu(1)
            weight = (q @ k.transpose(-2, -1) / math.sqrt(4) + mask).softmax(dim=-1)
            return self.out((weight @ v).transpose(1, 2).reshape(n, length, 16))

    return Causal(), (torch.randn(2, 7, 16),), {}


@legal
def padding_mask_as_a_keyword() -> Call:
    """True for what is padding, none of the rows wholly so."""
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    x = torch.randn(2, 6, 16)
    padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    return attention, (x, x, x), {"key_padding_mask": padding, "need_weights": False}


@legal
def film_conditioning_of_feature_maps() -> Call:
    """(N, C) of scales and shifts become (N, C, 1, 1)."""

    class FiLM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)
            self.norm = nn.GroupNorm(4, 8)
            self.affine = nn.Linear(5, 16)

        def forward(self, x: Tensor, condition: Tensor) -> Tensor:
            scale, shift = self.affine(condition)[:, :, None, None].chunk(2, dim=1)
            return self.norm(self.conv(x)) * (1 + scale) + shift

    return FiLM(), (torch.randn(2, 3, 8, 8),), {"condition": torch.randn(2, 5)}


# Activations and norms


@legal
def prelu_with_a_slope_for_each_channel() -> Call:
    """As many parameters as the second dimension is long."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Flatten(), nn.Linear(288, 4))
    return model, (torch.randn(2, 3, 8, 8),), {}


@legal
def inverted_residual_with_relu6() -> Call:
    """MobileNetV2: the last convolution of a block has no activation."""

    class Inverted(nn.Module):
        def __init__(self, channels: int = 8) -> None:
            super().__init__()
            wide = 6 * channels
            self.conv = nn.Sequential(
                nn.Conv2d(channels, wide, 1, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU6(inplace=True),
                nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU6(inplace=True),
                nn.Conv2d(wide, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv(x)

    return Inverted(), (torch.randn(4, 8, 8, 8),), {}


@legal
def leaky_and_smooth_activations_of_negative_numbers() -> Call:
    """They leave something of what is negative: nothing is dead."""
    first = nn.Conv2d(3, 8, 3)
    nn.init.constant_(first.bias, -20.0)
    model = nn.Sequential(first, nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 3), nn.GELU(), nn.SiLU())
    return model, (torch.randn(2, 3, 12, 12),), {}


@legal
def relu_with_some_dead_channels() -> Call:
    """Five of eight channels are 0 everywhere, the others are not."""
    conv = nn.Conv2d(3, 8, 3, padding=1)
    with torch.no_grad():
        conv.bias[:5] = -100.0
    model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3))
    return model, (torch.randn(4, 3, 16, 16),), {}


@legal
def relu_alive_for_one_image_only() -> Call:
    """The first image, which is black, gives 0; the second, which is white, does not."""
    conv = nn.Conv2d(1, 4, 3)
    with torch.no_grad():
        conv.weight.abs_()
        conv.bias.fill_(-0.1)
    images = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    return nn.Sequential(conv, nn.ReLU(inplace=True)), (images,), {}


@legal
def zeros_to_find_out_a_size() -> Call:
    """Without biases, zeros give zeros: the ReLU is fed 0, not numbers below it."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, bias=False), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    return model, (torch.zeros(1, 3, 32, 32),), {}


@legal
def zero_convolution_of_a_control_branch() -> Call:
    """ControlNet: the branch starts at 0, so that the network starts as it was."""

    class Controlled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(4, 8, 3, padding=1)
            self.branch = nn.Conv2d(3, 8, 3, padding=1)
            self.zero = nn.Conv2d(8, 8, 1)
            nn.init.zeros_(self.zero.weight)
            nn.init.zeros_(self.zero.bias)

        def forward(self, x: Tensor, hint: Tensor) -> Tensor:
            return torch.relu(self.body(x) + self.zero(functional.silu(self.branch(hint))))

    return Controlled(), (torch.randn(2, 4, 8, 8),), {"hint": torch.rand(2, 3, 8, 8)}


@legal
def residual_blocks_whose_last_norm_starts_at_zero() -> Call:
    """zero_init_residual: the block starts as the identity."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Residual(8, 8), Residual(8, 16))
    for module in model.modules():
        if isinstance(module, Residual):
            nn.init.zeros_(module.bn2.weight)
    return model, (torch.randn(4, 3, 12, 12),), {}


@legal
def group_norm_in_training_on_one_image() -> Call:
    """It averages within an image, so that one is enough."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip
    return model.train(), (torch.randn(1, 3, 16, 16),), {}


@legal
def instance_norm_in_style_transfer() -> Call:
    """One image in training mode: a style is normalised out of each."""
    model = nn.Sequential(
        nn.ReflectionPad2d(4), nn.Conv2d(3, 8, 9), nn.InstanceNorm2d(8, affine=True), nn.ReLU(),
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    return model.train(), (torch.rand(1, 3, 16, 16),), {}


@legal
def layer_norm_over_a_whole_map() -> Call:
    """Its shape is that of (C, H, W)."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm([4, 10, 10]), nn.Hardswish())
    return model, (torch.randn(2, 3, 12, 12),), {}


# Training mode and evaluation mode


@legal
def evaluation_of_one_image() -> Call:
    """BatchNorm uses what it has learned."""
    return ResNet().eval(), (torch.randn(1, 3, 64, 64),), {}


@legal
def training_mode_without_norm_or_dropout() -> Call:
    """A new model is in training mode, which changes nothing here."""
    return small_cnn().train(), (torch.randn(1, 3, 16, 16),), {}


@legal
def dropout_in_training_on_a_batch() -> Call:
    """A batch in training mode is what dropout is for."""
    return small_cnn(dropout=0.5).train(), (torch.randn(8, 3, 16, 16),), {}


@legal
def dropout_of_nothing_on_one_image() -> Call:
    """With p = 0 nothing is dropped; many libraries leave such layers in."""
    return small_cnn(dropout=0.0).train(), (torch.randn(1, 3, 16, 16),), {}


@legal
def frozen_norms_in_a_model_that_trains() -> Call:
    """Fine-tuning: the model trains, its norms do not, and there is no dropout."""
    model = small_cnn(norm=True).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.requires_grad_(False)
    return model, (torch.randn(1, 3, 16, 16),), {}


@legal
def dropout_left_on_for_its_uncertainty() -> Call:
    """Monte Carlo dropout: all is set to evaluation, then the dropout alone to training."""
    model = small_cnn(norm=True, dropout=0.3).eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()

    @torch.no_grad()
    def predict(image: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.stack([model(image).softmax(dim=-1) for _ in range(5)])
        return samples.mean(dim=0), samples.std(dim=0)

    return predict, (torch.randn(1, 3, 16, 16),), {}


@legal
def one_prototype_for_a_batch_in_training() -> Call:
    """The first input begins with 1, but the batch is the second."""

    class Matcher(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = small_cnn(classes=12, norm=True, dropout=0.2)

        def forward(self, prototype: Tensor, x: Tensor) -> Tensor:
            return functional.cosine_similarity(prototype, self.net(x), dim=1)

    return Matcher().train(), (torch.randn(1, 12), torch.randn(6, 3, 16, 16)), {}


@legal
def training_step_on_one_large_image() -> Call:
    """Segmentation often trains on one image at a time, which has pixels enough."""
    model = UNet(classes=3).train()
    criterion = nn.CrossEntropyLoss()

    def step(image: Tensor, labels: Tensor) -> float:
        model.zero_grad()
        loss = criterion(model(image), labels)
        loss.backward()
        return loss.item()

    return step, (torch.randn(1, 3, 48, 48), torch.randint(0, 3, (1, 48, 48))), {}


@legal
def saliency_of_one_image() -> Call:
    """The gradient for the pixels, in evaluation mode."""
    model = small_cnn(norm=True, dropout=0.5).eval()

    def saliency(image: Tensor) -> Tensor:
        image = image.clone().requires_grad_(True)
        model(image).max().backward()
        assert image.grad is not None
        return image.grad.abs().amax(dim=1, keepdim=True)

    return saliency, (torch.randn(1, 3, 20, 20),), {}


# Losses of numbers


@legal
def scalar_regression_squeezed() -> Call:
    """(N, 1) is squeezed to (N,), as the targets are."""
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
    criterion = nn.MSELoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = criterion(model(x).squeeze(1), y)
        loss.backward()
        return loss

    return step, (torch.randn(8, 5), torch.randn(8)), {}


@legal
def scalar_regression_with_columns() -> Call:
    """(N, 1) against (N, 1)."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.smooth_l1_loss(model(x), y.unsqueeze(1))

    return loss, (torch.randn(6, 3, 4, 4), torch.randn(6)), {}


@legal
def losses_weighed_by_sample() -> Call:
    """(N,) of losses times (N,) of weights."""
    model = small_cnn(classes=4)
    criterion = nn.CrossEntropyLoss(reduction="none")

    def step(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        loss = (criterion(model(x), y) * weight).sum() / weight.sum()
        loss.backward()
        return loss

    images, labels = torch.randn(5, 3, 12, 12), torch.randint(0, 4, (5,))
    return step, (images, labels), {"weight": torch.rand(5)}


@legal
def loss_of_masked_pixels() -> Call:
    """A mask of one channel picks the same pixels of three."""
    model = nn.Conv2d(4, 3, 3, padding=1)

    def loss(image: Tensor, mask: Tensor) -> Tensor:
        output = model(torch.cat([image * (1 - mask), mask], dim=1))
        error = functional.l1_loss(output, image, reduction="none")
        return (error * mask).sum() / (mask.sum() * 3)

    mask = (torch.rand(2, 1, 10, 10) > 0.5).float()
    return loss, (torch.rand(2, 3, 10, 10), mask), {}


@legal
def one_variance_for_each_sample() -> Call:
    """GaussianNLLLoss takes (N, 1) of variances for (N, 3) of means."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.Linear(6, 3)
            self.variance = nn.Sequential(nn.Linear(6, 1), nn.Softplus())
            self.criterion = nn.GaussianNLLLoss()

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.criterion(self.mean(x), y, self.variance(x))

    return Both(), (torch.randn(5, 6), torch.randn(5, 3)), {}


@legal
def pairs_of_scores_compared_on_purpose() -> Call:
    """RankNet: (N, 1) minus (1, N) is every score against every other."""
    scorer = nn.Linear(7, 1)

    def loss(x: Tensor, relevance: Tensor) -> Tensor:
        score = scorer(x).squeeze(-1)
        difference = score[:, None] - score[None, :]
        better = relevance[:, None] > relevance[None, :]
        return functional.softplus(-difference)[better].mean()

    return loss, (torch.randn(6, 7), torch.arange(6)), {}


@legal
def position_from_a_softmax_of_pixels() -> Call:
    """Soft-argmax: the softmax is over pixels, and the loss is of two coordinates."""
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))

    def loss(x: Tensor, points: Tensor) -> Tensor:
        heat = model(x)
        weight = heat.flatten(2).softmax(dim=2).view_as(heat)
        rows, columns = torch.linspace(0, 1, heat.shape[2]), torch.linspace(0, 1, heat.shape[3])
        y = (weight.sum(dim=3) * rows).sum(dim=2)
        x_ = (weight.sum(dim=2) * columns).sum(dim=2)
        return functional.mse_loss(torch.stack([x_, y], dim=2), points)

    return loss, (torch.rand(2, 1, 12, 14), torch.rand(2, 4, 2)), {}


@legal
def triplets_of_one_network() -> Call:
    """The same network embeds anchor, positive and negative."""
    model = small_cnn(classes=8)
    criterion = nn.TripletMarginLoss(margin=0.5)

    def step(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        loss = criterion(model(anchor), model(positive), model(negative))
        loss.backward()
        return loss

    anchor = torch.randn(4, 3, 12, 12)
    return step, (anchor, anchor + 0.1 * torch.randn_like(anchor), torch.rand(4, 3, 12, 12)), {}


@legal
def hinge_that_is_already_satisfied() -> Call:
    """The margin is kept by all triplets: the ReLU of the loss gives 0, as it should."""

    def hinge(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        near = functional.pairwise_distance(anchor, positive)
        far = functional.pairwise_distance(anchor, negative)
        return functional.relu(near - far + 0.2).mean()

    anchor = torch.randn(5, 8)
    return hinge, (anchor, anchor + 0.01, anchor + 3.0), {}


# Losses of classes


@legal
def complete_training_step() -> Call:
    """Logits of (N, C) against N whole numbers; the optimizer only clears the gradients."""
    model = ResNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(images: Tensor, labels: Tensor) -> float:
        model.train()
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(images), labels)
        loss.backward()
        return loss.item()

    return step, (torch.randn(4, 3, 64, 64), torch.randint(0, 10, (4,))), {}


@legal
def mixed_labels_as_probabilities() -> Call:
    """Mixup: the targets of cross-entropy are (N, C) of probabilities."""
    model = small_cnn(classes=5)

    def loss(x: Tensor, y: Tensor, share: float) -> Tensor:
        hot = functional.one_hot(y, 5).float()
        x, hot = share * x + (1 - share) * x.flip(0), share * hot + (1 - share) * hot.flip(0)
        return functional.cross_entropy(model(x), hot)

    return loss, (torch.randn(4, 3, 12, 12), torch.tensor([0, 4, 2, 1])), {"share": 0.7}


@legal
def softmax_of_a_teacher_as_target() -> Call:
    """A softmax goes into cross-entropy, but as its target: the logits are the student's."""
    teacher, student = small_cnn(classes=6).eval(), small_cnn(classes=6)

    def step(x: Tensor) -> Tensor:
        with torch.no_grad():
            target = functional.softmax(teacher(x) / 2.0, dim=1)
        loss = functional.cross_entropy(student(x), target)
        loss.backward()
        return loss

    return step, (torch.randn(3, 3, 12, 12),), {}


@legal
def distillation_by_divergence() -> Call:
    """KLDivLoss wants logarithms from the student and probabilities from the teacher."""
    teacher, student = nn.Linear(8, 4), nn.Linear(8, 4)
    divergence = nn.KLDivLoss(reduction="batchmean")
    criterion = nn.CrossEntropyLoss()

    def loss(x: Tensor, y: Tensor, temperature: float = 3.0) -> Tensor:
        logits = student(x)
        soft = divergence(
            functional.log_softmax(logits / temperature, dim=1),
            functional.softmax(teacher(x) / temperature, dim=1),
        )
        return temperature**2 * soft + criterion(logits, y)

    return loss, (torch.randn(5, 8), torch.randint(0, 4, (5,))), {}


@legal
def log_softmax_then_negative_log_likelihood() -> Call:
    """LogSoftmax belongs to NLLLoss."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.LogSoftmax(dim=1))
    criterion = nn.NLLLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        model.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    return step, (torch.rand(4, 1, 8, 8), torch.randint(0, 10, (4,))), {}


@legal
def likelihood_of_an_average_of_networks() -> Call:
    """Probabilities are averaged, and their logarithm goes into nll_loss."""
    members = nn.ModuleList(nn.Linear(6, 3) for _ in range(3))

    def loss(x: Tensor, y: Tensor) -> Tensor:
        mean = torch.stack([member(x).softmax(dim=1) for member in members]).mean(dim=0)
        return functional.nll_loss(mean.log(), y)

    return loss, (torch.randn(5, 6), torch.randint(0, 3, (5,))), {}


@legal
def softmax_at_the_end_without_a_loss() -> Call:
    """A model that predicts may give probabilities."""
    model = nn.Sequential(small_cnn(), nn.Softmax(dim=1)).eval()
    return model, (torch.randn(2, 3, 16, 16),), {}


@legal
def softmax_in_attention_then_cross_entropy() -> Call:
    """The softmax weighs the pixels; what goes into cross-entropy are logits."""

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 8, 3, stride=2)
            self.score = nn.Conv2d(8, 1, 1)
            self.softmax = nn.Softmax(dim=-1)
            self.head = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.features(x).relu()
            weight = self.softmax(self.score(x).flatten(1))
            return self.head((x.flatten(2) * weight[:, None]).sum(dim=2))

    model, criterion = Pooled(), nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(3, 3, 16, 16), torch.randint(0, 4, (3,))), {}


@legal
def softmax_weighs_experts_then_cross_entropy() -> Call:
    """The last product has a softmax as one factor, but it is one of logits."""

    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Linear(8, 3)
            self.experts = nn.ModuleList(nn.Linear(8, 5) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            weight = functional.softmax(self.gate(x), dim=-1)
            logits = torch.stack([expert(x) for expert in self.experts], dim=1)
            return (weight.unsqueeze(-1) * logits).sum(dim=1)

    model = Mixture()

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(model(x), y)

    return loss, (torch.randn(4, 8), torch.randint(0, 5, (4,))), {}


@legal
def softmax_for_the_figures_beside_the_loss() -> Call:
    """The probabilities are reported; the loss is of the logits."""
    model = small_cnn(classes=3)
    criterion = nn.CrossEntropyLoss()

    def evaluate(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        logits = model(x)
        chances = torch.softmax(logits, dim=1)
        confidence, predicted = chances.max(dim=1)
        right = (predicted == y).float().mean()
        return {"loss": criterion(logits, y), "accuracy": right, "confidence": confidence.mean()}

    return evaluate, (torch.randn(6, 3, 12, 12), torch.randint(0, 3, (6,))), {}


@legal
def label_smoothing_and_class_weights() -> Call:
    """Both are settings of cross-entropy."""
    model = nn.Sequential(nn.Flatten(1), nn.Linear(27, 4))
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5, 1.0]), label_smoothing=0.1)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x), y)

    return loss, (torch.randn(5, 3, 3, 3), torch.randint(0, 4, (5,))), {}


@legal
def cross_entropy_of_one_unbatched_sample() -> Call:
    """(C,) against a single whole number."""
    model = nn.Linear(6, 3)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(6), torch.tensor(2)), {}


@legal
def segmentation_with_pixels_left_out() -> Call:
    """(N, K, H, W) against (N, H, W) of whole numbers, 255 where nobody knows."""
    model = UNet(classes=4)
    criterion = nn.CrossEntropyLoss(ignore_index=255)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    labels = torch.randint(0, 4, (2, 32, 24))
    labels[:, 0] = 255
    return step, (torch.randn(2, 3, 32, 24), labels), {}


@legal
def sigmoid_then_binary_cross_entropy() -> Call:
    """BCELoss wants probabilities."""
    model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    criterion = nn.BCELoss()

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x).squeeze(-1), y.float())

    return loss, (torch.randn(6, 10), torch.randint(0, 2, (6,))), {}


@legal
def many_labels_with_logits() -> Call:
    """BCEWithLogitsLoss on (N, K) with a weight for each label."""
    model = small_cnn(classes=5)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 3.0, 2.0, 5.0, 1.0]))

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return criterion(model(x), y)

    return loss, (torch.randn(4, 3, 12, 12), torch.randint(0, 2, (4, 5)).float()), {}


@legal
def ctc_on_logarithms_of_chances() -> Call:
    """CTC wants (T, N, C) of log_softmax, and the lengths."""

    class Recogniser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 8, (8, 3), padding=(0, 1))
            self.head = nn.Linear(8, 6)
            self.criterion = nn.CTCLoss()

        def forward(self, x: Tensor, text: Tensor) -> Tensor:
            x = self.head(self.conv(x).squeeze(2).permute(2, 0, 1)).log_softmax(dim=2)
            n = text.shape[0]
            steps, letters = torch.full((n,), len(x)), torch.full((n,), text.shape[1])
            return self.criterion(x, text, steps, letters)

    return Recogniser(), (torch.rand(2, 1, 8, 20), torch.randint(1, 6, (2, 5))), {}


# Whole networks, and ways of calling


@legal
def unet_of_even_sizes() -> Call:
    """Every halving is exact, so that the skips fit."""
    return UNet(), (torch.randn(2, 3, 32, 48),), {}


@legal
def dcgan_pair() -> Call:
    """A generator from (N, Z, 1, 1), a discriminator to one number, and both of their losses."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(10, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(16, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    criterion = nn.BCELoss()

    def step(real: Tensor) -> tuple[float, float]:
        n = real.shape[0]
        fake = generator(torch.randn(n, 10, 1, 1))
        discriminator.zero_grad()
        loss = criterion(discriminator(real).view(-1), torch.ones(n))
        loss = loss + criterion(discriminator(fake.detach()).view(-1), torch.zeros(n))
        loss.backward()
        generator.zero_grad()
        fooled = criterion(discriminator(fake).view(-1), torch.ones(n))
        fooled.backward()
        return loss.item(), fooled.item()

    return step, (torch.rand(4, 3, 16, 16) * 2 - 1,), {}


@legal
def relu_in_place_after_the_norms() -> Call:
    """It overwrites what no gradient needs."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8),
    )  # fmt: skip

    def run(x: Tensor) -> Tensor:
        out = model(x).relu_()
        out.mean().backward()
        return out

    return run, (torch.randn(4, 3, 12, 12),), {}


@legal
def flattened_in_five_ways() -> Call:
    """All of them give (N, 32)."""
    flatten = nn.Flatten()
    conv = nn.Conv2d(1, 2, 3)

    def run(x: Tensor) -> Tensor:
        x = conv(x)
        n = x.size(0)
        ways = (x.flatten(1), torch.flatten(x, 1), x.view(n, -1), x.reshape(-1, 32), flatten(x))
        return torch.stack(ways).std(dim=0)

    return run, (torch.randn(3, 1, 6, 6),), {}


@legal
def pyramid_of_adaptive_pools() -> Call:
    """Any size is pooled to 1, 2 and 3 × 5 pixels, the last of uneven windows."""

    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes: tuple[Any, ...] = (1, 2, (3, 5))
            self.pools = nn.ModuleList(nn.AdaptiveMaxPool2d(size) for size in sizes)
            self.fc = nn.Linear(4 * (1 + 4 + 15), 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.cat([pool(x).flatten(1) for pool in self.pools], dim=1))

    return Pyramid(), (torch.randn(2, 4, 11, 13),), {}


@legal
def dense_blocks_in_a_module_list() -> Call:
    """Each layer takes the channels of all before it."""

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(
                nn.Sequential(
                    nn.BatchNorm2d(6 + 4 * i),
                    nn.ReLU(),
                    nn.Conv2d(6 + 4 * i, 4, 3, padding=1, bias=False),
                )
                for i in range(3)
            )

        def forward(self, x: Tensor) -> Tensor:
            maps = [x]
            for layer in self.layers:
                maps.append(layer(torch.cat(maps, dim=1)))
            return torch.cat(maps, dim=1)

    return Dense(), (torch.randn(2, 6, 9, 9),), {}


@legal
def autoencoder_of_tied_weights() -> Call:
    """The decoder uses the encoder's kernel, transposed."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Conv2d(3, 8, 4, stride=2, padding=1)
            self.bias = nn.Parameter(torch.zeros(3))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            code = torch.relu(self.encoder(x))
            output = functional.conv_transpose2d(
                code, self.encoder.weight, self.bias, stride=2, padding=1
            )
            return output, functional.mse_loss(output, x)

    return Tied(), (torch.rand(2, 3, 16, 16),), {}


@legal
def parametrised_weights() -> Call:
    """weight_norm and spectral_norm work out a weight at each call."""
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 8, 3)),
        nn.LeakyReLU(0.2),
        parametrizations.spectral_norm(nn.Conv2d(8, 4, 3)),
    )
    return model, (torch.randn(2, 3, 10, 10),), {}


@legal
def functions_and_tensors_only() -> Call:
    """A network without a module; its parameters are arguments."""

    def network(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        x = functional.conv2d(x, weights["conv"], weights["bias"], padding=1)
        x = functional.max_pool2d(functional.relu(x), 2)
        return functional.linear(x.flatten(1), weights["fc"])

    weights = {
        "conv": torch.randn(4, 1, 3, 3, requires_grad=True),
        "bias": torch.zeros(4, requires_grad=True),
        "fc": torch.randn(10, 64, requires_grad=True),
    }
    return network, (torch.randn(2, 1, 8, 8),), {"weights": weights}


@legal
def function_of_torch_with_fixed_settings() -> Call:
    """A partial function is a callable, too."""
    resize = functools.partial(functional.interpolate, mode="bilinear", align_corners=False)
    return resize, (torch.rand(1, 3, 10, 10),), {"size": (7, 13)}


@legal
def method_of_a_model() -> Call:
    """Half of an autoencoder is called by its name."""

    class Variational(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, stride=2, padding=1)
            self.mean, self.log_variance = nn.Linear(128, 2), nn.Linear(128, 2)

        def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            x = functional.relu(self.conv(x)).flatten(1)
            mean, log_variance = self.mean(x), self.log_variance(x)
            code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            return code, mean, log_variance

    return Variational().encode, (torch.rand(3, 1, 8, 8),), {}


@legal
def double_precision_throughout() -> Call:
    """Model and input are both float64."""
    return small_cnn(norm=True).double(), (torch.randn(2, 3, 12, 12, dtype=torch.float64),), {}


@legal
def bfloat16_by_autocast() -> Call:
    """Weights of float32 meet images of float32, and autocast decides."""
    model = small_cnn(classes=4)

    def step(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(3, 3, 12, 12), torch.randint(0, 4, (3,))), {}


@legal
def checkpointed_blocks() -> Call:
    """A block runs twice, the second time for its gradient."""
    stem, block = nn.Conv2d(3, 8, 3, padding=1), Residual(8, 8)

    def step(x: Tensor) -> Tensor:
        out = checkpoint(block, stem(x), use_reentrant=False)
        out.mean().backward()
        return out

    return step, (torch.randn(2, 3, 10, 10),), {}


@legal
def pyramid_of_features_in_a_dictionary() -> Call:
    """FPN: laterals of as many channels are added to what is enlarged."""

    class FPN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = nn.ModuleList(
                nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in ((3, 8), (8, 16), (16, 32))
            )
            self.laterals = nn.ModuleList(nn.Conv2d(c, 8, 1) for c in (8, 16, 32))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            maps: list[Tensor] = []
            for stage in self.stages:
                x = functional.relu(stage(x))
                maps.append(x)
            return dict(self.merge(maps))

        def merge(self, maps: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
            above: Tensor | None = None
            for i in reversed(range(len(maps))):
                lateral = self.laterals[i](maps[i])
                if above is not None:
                    lateral = lateral + functional.interpolate(above, size=lateral.shape[-2:])
                above = lateral
                yield f"p{i}", lateral

    return FPN(), (torch.randn(1, 3, 36, 28),), {}


@legal
def backbone_frozen_without_gradients() -> Call:
    """The backbone runs under no_grad in evaluation mode, only the head learns."""
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    criterion = nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            features = backbone(x)
        loss = criterion(head(features), y)
        loss.backward()
        return loss

    return step, (torch.randn(1, 3, 12, 12), torch.tensor([1])), {}
