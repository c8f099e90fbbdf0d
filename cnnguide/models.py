"""The small models that the guide uses: a classifier, and a DCGAN pair."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from cnnguide.arguments import type_error, value_error, whole_number

__all__ = ["Discriminator", "Generator", "SmallClassifier", "init_weights"]

SMALLEST = 4  # the size in pixels where a DCGAN's pyramid begins


class SmallClassifier(nn.Module):
    """A small CNN that sorts images into classes.

    Each block convolves, normalizes, cuts off negative values and halves the
    size; from the second on it doubles the channels too. A linear head reads
    what is left.

    Parameters
    ----------
    in_channels : int
        Channels of the images: 1 for grey, 3 for RGB. At least 1.
    classes : int
        How many classes there are, at least 1.
    image_size : int
        Height and width of the images in pixels, at least 2 to the power of
        `blocks`. An odd size is halved downwards.
    width : int
        Channels after the first block, at least 1.
    blocks : int
        How often the size is halved, at least 1.

    Raises
    ------
    TypeError
        If an argument is no whole number.
    ValueError
        If an argument is out of its range.

    See Also
    --------
    Discriminator : Halves the size by stride, without pooling.

    Notes
    -----
    The convolutions have no bias: the BatchNorm that follows would subtract it
    again, and adds its own. What comes out are logits: scores before softmax,
    as `torch.nn.CrossEntropyLoss` wants them.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch Normalization", 2015,
    `arXiv:1502.03167 <https://arxiv.org/abs/1502.03167>`_, section 3.2, for
    convolutions without bias.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import SmallClassifier
    >>> model = SmallClassifier(in_channels=1, classes=10, image_size=8)
    >>> model.blocks(torch.zeros(64, 1, 8, 8)).shape
    torch.Size([64, 32, 2, 2])
    >>> model(torch.zeros(64, 1, 8, 8)).shape
    torch.Size([64, 10])
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 10,
        image_size: int = 8,
        width: int = 16,
        blocks: int = 2,
    ) -> None:
        super().__init__()
        channels = whole_number("in_channels", in_channels)
        scores = whole_number("classes", classes)
        size = whole_number("image_size", image_size)
        out_channels = whole_number("width", width)
        halvings = whole_number("blocks", blocks)
        if size >> halvings == 0:
            raise value_error(
                "image_size is {size}, too small to be halved {blocks} times: "
                "choose at least 2 to the power of {blocks}, or fewer blocks",
                size=size,
                blocks=halvings,
            )
        parts = []
        for _ in range(halvings):
            parts.append(_classifier_block(channels, out_channels))
            channels, out_channels = out_channels, 2 * out_channels
            size //= 2
        self.blocks = nn.Sequential(*parts)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, scores))

    def forward(self, images: Tensor) -> Tensor:
        """Return one score a class for each image.

        Parameters
        ----------
        images : torch.Tensor, shape (N, in_channels, image_size, image_size)
            The images.

        Returns
        -------
        torch.Tensor, shape (N, classes)
            Logits; the largest is the class that the model takes the image for.

        See Also
        --------
        torch.nn.CrossEntropyLoss : Compares the logits with the right classes.
        """
        features = self.blocks(images)  # (N, width·2^(blocks−1), size/2^blocks, size/2^blocks)
        logits: Tensor = self.head(features)  # (N, classes)
        return logits


class Generator(nn.Module):
    """The generator of a DCGAN: makes images from random vectors.

    The first transposed convolution unfolds the vector to 4×4 pixels with many
    channels; each that follows doubles the size and halves the channels; the
    last one makes the image.

    Parameters
    ----------
    latent : int
        Length of the random vector, at least 1.
    image_size : int
        Height and width of the images in pixels: a power of two, at least 8.
    channels : int
        Channels of the images: 1 for grey, 3 for RGB. At least 1.
    width : int
        Channels of the last feature map, before the image; at least 1. The
        paper's generator has 128, most of its followers 64.

    Raises
    ------
    TypeError
        If an argument is no whole number.
    ValueError
        If an argument is out of its range, or `image_size` no power of two.

    See Also
    --------
    Discriminator : Its opponent, the same way in reverse.
    init_weights : The initial weights of the paper.

    Notes
    -----
    With the defaults the shapes are 100×1×1, 512×4×4, 256×8×8, 128×16×16, 64×32×32
    and 3×64×64. All but the last layer are followed by BatchNorm and ReLU, the last
    one by tanh.

    Kernel 4, stride 2 and padding 1 double a size exactly:
    (H − 1)·2 − 2·1 + (4 − 1) + 1 = 2·H. The authors' own kernels are 5×5; 4, which
    the stride divides, is the size in PyTorch's tutorial and gives every pixel away
    from the border equally many products.

    References
    ----------
    A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning
    with Deep Convolutional Generative Adversarial Networks", ICLR 2016,
    `arXiv:1511.06434 <https://arxiv.org/abs/1511.06434>`_, section 3 and figure 1;
    `DCGAN tutorial <https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html>`_.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import Generator
    >>> generator = Generator(latent=100, image_size=64, channels=3)
    >>> generator(torch.randn(16, 100, 1, 1)).shape
    torch.Size([16, 3, 64, 64])
    >>> Generator(image_size=8, channels=1)(torch.randn(16, 100, 1, 1)).shape
    torch.Size([16, 1, 8, 8])
    """

    def __init__(
        self, latent: int = 100, image_size: int = 64, channels: int = 3, width: int = 64
    ) -> None:
        super().__init__()
        vector = whole_number("latent", latent)
        widths = _widths(image_size, width)[::-1]
        colours = whole_number("channels", channels)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(vector, widths[0], 4, stride=1, padding=0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]  # (N, widths[0], 4, 4)
        for before, after in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]  # (N, after, 2·H, 2·W)
        layers += [
            nn.ConvTranspose2d(widths[-1], colours, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        ]  # (N, channels, image_size, image_size)
        self.layers = nn.Sequential(*layers)

    def forward(self, vectors: Tensor) -> Tensor:
        """Make an image from each random vector.

        Parameters
        ----------
        vectors : torch.Tensor, shape (N, latent, 1, 1)
            Random numbers, for example from ``torch.randn(16, 100, 1, 1)``.

        Returns
        -------
        torch.Tensor, shape (N, channels, image_size, image_size)
            Images with values from −1 to 1: scale real images to the same range.

        See Also
        --------
        Discriminator.forward : Judges the images.
        """
        images: Tensor = self.layers(vectors)  # (N, channels, image_size, image_size)
        return images


class Discriminator(nn.Module):
    """The discriminator of a DCGAN: tells real images from generated ones.

    Each convolution halves the size by its stride and doubles the channels, down
    to 4×4 pixels; the last one makes a single number of them.

    Parameters
    ----------
    image_size : int
        Height and width of the images in pixels: a power of two, at least 8.
    channels : int
        Channels of the images: 1 for grey, 3 for RGB. At least 1.
    width : int
        Channels of the first feature map, at least 1.

    Raises
    ------
    TypeError
        If an argument is no whole number.
    ValueError
        If an argument is out of its range, or `image_size` no power of two.

    See Also
    --------
    Generator : Its opponent, the same way in reverse.
    init_weights : The initial weights of the paper.

    Notes
    -----
    With the defaults the shapes are 3×64×64, 64×32×32, 128×16×16, 256×8×8,
    512×4×4 and 1×1×1. Neither the first layer nor the last is followed by
    BatchNorm; LeakyReLU has slope 0.2. The paper ends with a sigmoid; here a logit
    comes out, to which `torch.nn.BCEWithLogitsLoss` applies the sigmoid in a
    numerically stable way.

    References
    ----------
    A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning
    with Deep Convolutional Generative Adversarial Networks", ICLR 2016,
    `arXiv:1511.06434 <https://arxiv.org/abs/1511.06434>`_, sections 3 and 4.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import Discriminator
    >>> discriminator = Discriminator(image_size=64, channels=3)
    >>> discriminator(torch.zeros(16, 3, 64, 64)).shape
    torch.Size([16])
    """

    def __init__(self, image_size: int = 64, channels: int = 3, width: int = 64) -> None:
        super().__init__()
        widths = _widths(image_size, width)
        colours = whole_number("channels", channels)
        layers: list[nn.Module] = [
            nn.Conv2d(colours, widths[0], 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2),
        ]  # (N, width, image_size/2, image_size/2)
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]  # (N, after, H/2, W/2)
        layers.append(nn.Conv2d(widths[-1], 1, 4, stride=1, padding=0, bias=False))  # (N, 1, 1, 1)
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Judge each image with one number.

        Parameters
        ----------
        images : torch.Tensor, shape (N, channels, image_size, image_size)
            Real or generated images, with values from −1 to 1.

        Returns
        -------
        torch.Tensor, shape (N,)
            Logits: above 0 the image is rather taken for a real one, below 0 for
            a generated one.

        See Also
        --------
        torch.nn.BCEWithLogitsLoss : Compares the logits with 1 (real) and 0 (generated).
        """
        logits: Tensor = self.layers(images)  # (N, 1, 1, 1)
        return logits.reshape(images.shape[0])  # (N,); fails where an image left several numbers


def init_weights(model: nn.Module) -> None:
    """Set a model's weights to the random numbers that a DCGAN starts from.

    Weights of convolutions, transposed convolutions and linear layers are drawn
    from a normal distribution with mean 0 and standard deviation 0.02, factors
    of BatchNorm with mean 1 and the same deviation; biases become 0.

    Parameters
    ----------
    model : torch.nn.Module
        A model, or a single layer. It is changed in place.

    Raises
    ------
    TypeError
        If `model` is no module.

    See Also
    --------
    Generator : Made for these weights.
    Discriminator : Made for these weights.

    Notes
    -----
    `torch.manual_seed` makes the numbers repeatable. The paper gives mean 0 for
    all weights; mean 1 for the factors of BatchNorm is what its authors' code does.

    References
    ----------
    A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning
    with Deep Convolutional Generative Adversarial Networks", ICLR 2016,
    `arXiv:1511.06434 <https://arxiv.org/abs/1511.06434>`_, section 4.

    Examples
    --------
    >>> import torch
    >>> from cnnguide import Generator, init_weights
    >>> _ = torch.manual_seed(0)
    >>> generator = Generator()
    >>> init_weights(generator)
    >>> round(generator.layers[0].weight.std().item(), 3)
    0.02
    """
    if not isinstance(model, nn.Module):
        raise type_error(
            "model must be a torch.nn.Module, got {came}: give the model itself, not its class",
            came=type(model).__name__,
        )
    for layer in model.modules():
        match layer:
            case nn.Conv1d() | nn.Conv2d() | nn.Conv3d() | nn.Linear():
                mean = 0.0
            case nn.ConvTranspose1d() | nn.ConvTranspose2d() | nn.ConvTranspose3d():
                mean = 0.0
            case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d() if layer.affine:
                mean = 1.0
            case _:
                continue
        nn.init.normal_(layer.weight, mean, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _classifier_block(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),  # (N, out_channels, H, W)
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, out_channels, H/2, W/2)
    )


def _widths(image_size: object, width: object) -> list[int]:
    """Return the channels at image_size/2, image_size/4, … down to 4 pixels."""
    size = whole_number("image_size", image_size, 2 * SMALLEST)
    power = size.bit_length() - 1
    if size != 1 << power:
        raise value_error(
            "image_size is {size}, no power of two, but each layer doubles or halves the size: "
            "choose {below} or {above}",
            size=size,
            below=1 << power,
            above=2 << power,
        )
    first = whole_number("width", width)
    return [first << step for step in range((size // SMALLEST).bit_length() - 1)]
