"""More checkpoints that do not belong to the model they are loaded into."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .case import case, changes, needs, sets


class Net(nn.Module):
    def __init__(self, classes: int = 10, width: int = 16, norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in (width, 2 * width):
            layers.append(nn.Conv2d(before, channels, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU())
            before = channels
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))


# two things at once: the checkpoint of a LightningModule, given as a whole
@case("checkpoints", layer=None, right=changes('["state_dict"]'), also=changes("model."))
def lightning_checkpoint_as_a_whole() -> Any:
    state = {f"model.{name}": one for name, one in Net().state_dict().items()}
    checkpoint = {"state_dict": state, "epoch": 3}
    net = Net()

    def load() -> nn.Module:
        net.load_state_dict(checkpoint)
        return net

    return load, (), {}


@case("checkpoints", layer=None, right=changes("module."), also=sets("fc.out_features", 100))
def data_parallel_and_other_classes() -> Any:
    state = {f"module.{name}": one for name, one in Net(100).state_dict().items()}
    net = Net()
    return lambda: net.load_state_dict(state), (), {}


@case(
    "checkpoints", layer=None, right=changes(".module.load_state_dict"), also=changes('"module."')
)
def plain_checkpoint_into_data_parallel() -> Any:
    return nn.DataParallel(Net()).load_state_dict, (Net().state_dict(),), {}


@case("checkpoints", layer=("features.3", None), right=changes("features.3.", "strict=False"))
def batch_normalisation_put_in_between() -> Any:
    state, net = Net().state_dict(), Net(norm=True)
    return lambda: net.load_state_dict(state), (), {}


# without its normalisation the model would load, and compute something else
@case("checkpoints", layer=None, right=needs())
def batch_normalisation_taken_out() -> Any:
    return Net().load_state_dict, (Net(norm=True).state_dict(),), {}


@case("checkpoints", layer="features.0", right=sets("features.0.out_channels", 32))
def checkpoint_twice_as_wide() -> Any:
    return Net().load_state_dict, (Net(width=32).state_dict(),), {}


@case("checkpoints", layer=None, right=changes(".state_dict()"))
def whole_model_instead_of_its_state() -> Any:
    trained, net = Net(), Net()
    return lambda: net.load_state_dict(trained), (), {}


@case("checkpoints", layer="fc", right=[sets("fc.out_features", 100), changes("fc.")])
def model_made_in_the_same_function() -> Any:
    state = Net(100).state_dict()

    def load() -> nn.Module:
        model = Net(10)
        model.load_state_dict(state)
        return model

    return load, (), {}


class Speech(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, hidden, num_layers=2, bidirectional=True)
        self.out = nn.Linear(2 * hidden, 29)


@case("checkpoints", layer="lstm", right=sets("lstm.hidden_size", 32))
def recurrent_net_of_another_size() -> Any:
    return Speech(16).load_state_dict, (Speech(32).state_dict(),), {}


@case("checkpoints", layer=None, right=changes('["optimizer"]'))
def optimizer_given_the_whole_checkpoint() -> Any:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict()}
    return lambda: optimizer.load_state_dict(checkpoint), (), {}
