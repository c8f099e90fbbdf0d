"""More types of numbers that don't go together: kernels, masks, means, indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.failures.case import case, changes, needs, turns

FLOAT = (torch.float32,)


class StandardizedNet(nn.Module):
    """It subtracts a mean that came from NumPy."""

    def __init__(self) -> None:
        super().__init__()
        mean = np.array([0.48, 0.45, 0.41]).reshape(1, 3, 1, 1)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, photo: Tensor) -> Tensor:
        photo = photo - self.mean
        return self.conv(photo)


@case("dtypes", layer=("conv", None), right=changes("self.mean", "float32"))
def mean_of_numpy_makes_photos_doubles() -> Any:
    return StandardizedNet(), (torch.rand(2, 3, 16, 16),), {}


@case("dtypes", layer=None, right=changes("photo / 255"), also=turns(0, "to", FLOAT))
def bytes_divided_in_place() -> Any:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

    def predict(photo: Tensor) -> Tensor:
        photo /= 255
        return conv(photo)

    return predict, (torch.randint(0, 256, (1, 3, 12, 12), dtype=torch.uint8),), {}


@case("dtypes", layer=None, right=[changes("~mask"), changes("mask", "float32")])
def background_is_one_minus_a_mask_of_truth_values() -> Any:
    def background(image: Tensor, mask: Tensor) -> Tensor:
        return image * (1 - mask)

    return background, (torch.rand(1, 8, 8), torch.rand(1, 8, 8) > 0.5), {}


@case("dtypes", layer=None, right=changes("kernel", "float32"))
def sobel_kernel_of_whole_numbers() -> Any:
    def edges(image: Tensor) -> Tensor:
        kernel = torch.tensor([[1, 0, -1], [2, 0, -2], [1, 0, -1]]).view(1, 1, 3, 3)
        return functional.conv2d(image, kernel, padding=1)

    return edges, (torch.rand(1, 1, 16, 16),), {}


@case("dtypes", layer=None, right=turns(0, "to", FLOAT), also=changes("float32", "mean"))
def brightness_of_a_picture_of_bytes() -> Any:
    def brightness(picture: Tensor) -> Tensor:
        return picture.mean(dim=(1, 2))

    return brightness, (torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8),), {}


@case("dtypes", layer=("lstm", None), right=turns("series", "to", FLOAT))
def prices_from_a_table_into_an_lstm() -> Any:
    class Forecast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 8, batch_first=True)
            self.fc = nn.Linear(8, 1)

        def forward(self, series: Tensor) -> Tensor:
            steps, _ = self.lstm(series)
            return self.fc(steps[:, -1])

    return Forecast(), (), {"series": torch.from_numpy(np.random.rand(2, 5, 3))}


@case("dtypes", layer=None, right=changes("keep", "bool"))
def mask_of_floats_between_brackets() -> Any:
    def foreground(image: Tensor, keep: Tensor) -> Tensor:
        return image[keep].mean()

    return foreground, (torch.rand(8, 8), torch.eye(8)), {}


@case(
    "dtypes",
    layer=("0", None),
    right=turns(0, "to", (torch.float64,)),
    also=changes("model.float()"),
)
def doubled_regression_given_floats() -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    return model, (torch.rand(2, 4),), {}


# cutting fractions off would give arbitrary words
@case("dtypes", layer=("0", None), right=needs("whole numbers"))
def random_fractions_as_words() -> Any:
    return nn.Sequential(nn.Embedding(10, 4), nn.Flatten()), (torch.rand(2, 3),), {}


# the first repair alone is not enough: the channels stand last, too
@case("dtypes", layer=("0", None), right=turns(0, "to", FLOAT))
def bytes_with_their_channels_last() -> Any:
    photo = torch.randint(0, 256, (2, 12, 12, 3), dtype=torch.uint8)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (photo,), {}
