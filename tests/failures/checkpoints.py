"""Checkpoints that do not belong to the model they are loaded into."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .case import case, changes, sets


class Block(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = nn.Sequential(
            nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
        )

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class ResNet(nn.Module):
    """A ResNet of four stages at a quarter of the width."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64))
        self.layer4 = nn.Sequential(Block(64, 128, 2), Block(128, 128))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(128, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


# load with the head of the checkpoint and replace it then, or leave its two entries out
@case(
    "checkpoints",
    layer="fc",
    right=[sets("fc.out_features", 1000), changes("fc.")],
)
def imagenet_head_into_a_model_of_ten_classes() -> Any:
    state = ResNet(1000).state_dict()
    model = ResNet(10)
    return model.load_state_dict, (state,), {}


class UNetEncoder(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.enc1 = nn.Sequential(nn.Conv2d(in_channels, 32, 3, padding=1), nn.ReLU())
        self.enc2 = nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.enc2(self.enc1(x)))


@case(
    "checkpoints",
    layer="enc1.0",
    right=sets("enc1.0.in_channels", 1),
    also=[changes("enc1.0"), changes("repeat"), changes("sum")],
)
def grey_checkpoint_into_a_model_of_colours() -> Any:
    trained = {"model": UNetEncoder(1).state_dict(), "epoch": 40}
    unet = UNetEncoder(3)
    return lambda: unet.load_state_dict(trained["model"]), (), {}


def cifar_net(bias: bool = True, dropout: bool = False) -> nn.Sequential:
    """A plain CNN for CIFAR-10, with or without biases and dropout."""
    head: list[nn.Module] = [nn.Linear(32 * 8 * 8, 64), nn.ReLU()]
    if dropout:
        head.append(nn.Dropout(0.5))
    head.append(nn.Linear(64, 10))
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 16, 3, padding=1, bias=bias))
    net.add_module("bn1", nn.BatchNorm2d(16))
    net.add_module("pool1", nn.MaxPool2d(2))
    net.add_module("conv2", nn.Conv2d(16, 32, 3, padding=1))
    net.add_module("pool2", nn.MaxPool2d(2))
    net.add_module("flatten", nn.Flatten())
    net.add_module("classifier", nn.Sequential(*head))
    return net


@case("checkpoints", layer=None, right=changes("module."))
def checkpoint_saved_under_data_parallel() -> Any:
    state = nn.DataParallel(cifar_net()).state_dict()
    model = cifar_net()
    return model.load_state_dict, (state,), {}


@case(
    "checkpoints",
    layer="conv1",
    right=sets("conv1.bias", False),
    also=changes("conv1"),
)
def checkpoint_without_the_bias_of_conv1() -> Any:
    state = cifar_net(bias=False).state_dict()
    return cifar_net().load_state_dict, (state,), {"strict": True}


# the dropout has moved the last layer from place 2 to place 3
@case(
    "checkpoints",
    layer=("classifier.3", "classifier.2", None),
    right=changes("classifier."),
    also=changes("Dropout"),
)
def dropout_added_after_the_checkpoint_was_saved() -> Any:
    checkpoint = cifar_net().state_dict()
    model = cifar_net(dropout=True)

    def resume() -> nn.Module:
        model.load_state_dict(checkpoint)
        return model.eval()

    return resume, (), {}


@case("checkpoints", layer=None, right=changes("model_state_dict"))
def whole_checkpoint_loaded_instead_of_its_weights() -> Any:
    model = ResNet(5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    checkpoint = {
        "epoch": 12,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "best_acc": 0.91,
    }
    return lambda: model.load_state_dict(checkpoint), (), {}
