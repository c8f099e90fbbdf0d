"""Losses that refuse their target: its shape, its type or its values."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import case, changes, sets, turns_target


class SmallNet(nn.Module):
    """A classifier of small images."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.conv2(x))
        return self.fc(torch.flatten(self.pool(x), 1))


class DoubleConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class UNet(nn.Module):
    """A U-Net of two levels."""

    def __init__(self, n_channels: int, n_classes: int) -> None:
        super().__init__()
        self.inc = DoubleConv(n_channels, 16)
        self.down1 = DoubleConv(16, 32)
        self.down2 = DoubleConv(32, 64)
        self.up1 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.conv1 = DoubleConv(64, 32)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.conv2 = DoubleConv(32, 16)
        self.outc = nn.Conv2d(16, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.down2(F.max_pool2d(x2, 2))
        x = self.conv1(torch.cat([x2, self.up1(x3)], dim=1))
        x = self.conv2(torch.cat([x1, self.up2(x)], dim=1))
        return self.outc(x)


@case(
    "losses",
    layer=None,
    right=[turns_target(1, "argmax", (1,)), turns_target(1, "to", (torch.float32,))],
    also=turns_target(1, "argmax"),
)
def cross_entropy_with_one_hot_integers() -> Any:
    output = torch.randn(8, 10, requires_grad=True)
    target = F.one_hot(torch.randint(10, (8,)), 10)
    return nn.CrossEntropyLoss(), (output, target), {}


@case(
    "losses",
    layer=None,
    right=[turns_target(1, "squeeze", (1,)), turns_target(1, "squeeze")],
    also=[
        turns_target(1, "reshape"),
        turns_target(1, "flatten"),
        changes("squeeze"),
        changes("view"),
    ],
)
def labels_as_a_column_from_a_table() -> Any:
    model = SmallNet(3, 7)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters())

    def step(images: Tensor, labels: Tensor) -> float:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, (torch.randn(6, 3, 24, 24), torch.randint(7, (6, 1))), {}


@case(
    "losses",
    layer=None,
    right=turns_target("target", "to", (torch.int64,)),
)
def mask_of_class_numbers_as_floats() -> Any:
    logits = torch.randn(2, 4, 16, 16)
    mask = torch.randint(4, (2, 16, 16)).float()
    return F.cross_entropy, (logits,), {"target": mask}


@case(
    "losses",
    layer="fc",
    right=sets("fc.out_features", 100),
)
def cifar100_labels_for_a_head_of_ten() -> Any:
    model = SmallNet(3, 10)
    loss_fn = nn.CrossEntropyLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        pred = model(x)
        loss = loss_fn(pred, y)
        loss.backward()
        return loss

    labels = torch.cat([torch.tensor([99, 0]), torch.randint(100, (14,))])
    return step, (torch.randn(16, 3, 32, 32), labels), {}


# 1 … 5 and no 0: the labels are shifted, not the head too small
@case(
    "losses",
    layer=(None, "4"),
    right=[turns_target(1, "sub", (1,)), changes("- 1")],
    also=sets("4.out_features", 6),
)
def ratings_counted_from_one() -> Any:
    net = nn.Sequential(
        nn.Conv1d(8, 16, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 5)
    )

    def step(x: Tensor, stars: Tensor) -> Tensor:
        return F.cross_entropy(net(x), stars)

    return step, (torch.randn(10, 8, 50), torch.arange(10) % 5 + 1), {}


@case(
    "losses",
    layer=None,
    right=[changes("BCEWithLogitsLoss"), changes("igmoid")],
)
def unet_logits_into_bce() -> Any:
    unet = UNet(1, 1)
    criterion = nn.BCELoss()

    def step(image: Tensor, mask: Tensor) -> Tensor:
        pred = unet(image)
        loss = criterion(pred, mask)
        loss.backward()
        return loss

    return step, (torch.randn(2, 1, 32, 32), torch.randint(2, (2, 1, 32, 32)).float()), {}


@case(
    "losses",
    layer=None,
    right=[
        turns_target(1, "unsqueeze", (1,)),
        turns_target(1, "reshape"),
        changes("squeeze"),
    ],
    also=[changes("view"), changes("flatten"), changes("reshape")],
)
def cats_and_dogs_as_a_vector_against_one_logit() -> Any:
    return nn.BCEWithLogitsLoss(), (torch.randn(16, 1), torch.randint(2, (16,)).float()), {}


# with sizes as they should be, only the type of a multi-label target is wrong
@case(
    "losses",
    layer=None,
    right=turns_target(1, "to", (torch.float32,)),
    also=changes("float"),
)
def multi_label_target_of_integers_into_bce() -> Any:
    tagger = nn.Sequential(SmallNet(3, 20), nn.Sigmoid())
    criterion = nn.BCELoss()

    def train_step(images: Tensor, tags: Tensor) -> Tensor:
        loss = criterion(tagger(images), tags)
        loss.backward()
        return loss

    return train_step, (torch.randn(4, 3, 16, 16), torch.randint(2, (4, 20))), {}


# the images are input and target at once, so it is the code that must flatten them
@case(
    "losses",
    layer=None,
    right=[changes("flatten"), changes("view"), changes("reshape"), changes("Unflatten")],
)
def autoencoder_rows_against_images() -> Any:
    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())
            self.decoder = nn.Sequential(nn.Linear(64, 784), nn.Sigmoid())

        def forward(self, x: Tensor) -> Tensor:
            return self.decoder(self.encoder(x))

    model = Autoencoder()
    criterion = nn.MSELoss()

    def step(x: Tensor) -> Tensor:
        recon = model(x)
        loss = criterion(recon, x)
        loss.backward()
        return loss

    return step, (torch.rand(32, 1, 28, 28),), {}


class FullyConvolutional(nn.Module):
    """Class scores from a 1 × 1 convolution, averaged to (N, C, 1, 1) and never flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, stride=2)
        self.classifier = nn.Conv2d(24, 6, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = self.avgpool(self.classifier(x))
        return F.log_softmax(x, dim=1)


@case(
    "losses",
    layer=(None, "avgpool", "classifier"),
    right=[
        changes("flatten"),
        changes("Flatten"),
        changes("squeeze"),
        changes("view"),
        changes("reshape"),
    ],
    also=turns_target(1, "reshape"),
)
def squeezenet_scores_unflattened_into_nll() -> Any:
    net = FullyConvolutional()
    criterion = nn.NLLLoss()

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = criterion(net(x), y)
        loss.backward()
        return loss

    return step, (torch.randn(9, 3, 48, 48), torch.randint(6, (9,))), {}


@case(
    "losses",
    layer=None,
    right=[turns_target(1, "squeeze", (1,)), changes("squeeze(1)")],
    also=[turns_target(1, "squeeze"), turns_target(1, "reshape"), changes("squeeze")],
)
def unet_mask_keeps_its_channel() -> Any:
    model = UNet(3, 5)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(images: Tensor, masks: Tensor) -> Tensor:
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, masks)
        loss.backward()
        optimizer.step()
        return loss

    return step, (torch.randn(2, 3, 32, 48), torch.randint(5, (2, 1, 32, 48))), {}


# 255 marks the borders that nobody labelled in Pascal VOC
@case(
    "losses",
    layer=None,
    right=changes("ignore_index", "255"),
    also=sets("CrossEntropyLoss.ignore_index", 255),
)
def voc_mask_with_unlabelled_borders() -> Any:
    logits = torch.randn(1, 21, 20, 20)
    mask = torch.randint(21, (1, 20, 20))
    mask[:, 0] = 255
    return nn.CrossEntropyLoss(), (logits, mask), {}
