"""The guide's small models: shapes, counts, gradients, and that they learn."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn

from cnnguide.models import Discriminator, Generator, SmallClassifier, init_weights

pytestmark = pytest.mark.usefixtures("one_thread", "english")
PROPERTY = settings(deadline=None, max_examples=60)  # on CI hypothesis derandomizes by itself

FEW = st.integers(1, 4)
GAN_SIZES = st.sampled_from([8, 16, 32, 64])
MODELS: list[Callable[..., nn.Module]] = [SmallClassifier, Generator, Discriminator]


def on_meta(model: Callable[..., nn.Module], **options: int) -> nn.Module:
    with torch.device("meta"):  # shapes and counts need no numbers
        return model(**options)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def shapes_after(
    kinds: tuple[type[nn.Module], ...], model: nn.Module, *shape: int
) -> list[tuple[int, ...]]:
    """Return the shape that each layer of these kinds gives, without the batch axis."""
    shapes: list[tuple[int, ...]] = []
    for layer in model.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(lambda *call: shapes.append(tuple(call[-1].shape[1:])))
    model(torch.zeros(*shape, device="meta"))
    return shapes


def digits() -> tuple[Tensor, Tensor]:
    """Return 1797 images (N, 1, 8, 8) with values from 0 to 1, and their classes (N,)."""
    images, classes = load_digits(return_X_y=True)
    scaled = torch.tensor(images, dtype=torch.float32) / 16
    return scaled.reshape(-1, 1, 8, 8), torch.tensor(classes)


# shapes


def test_the_pyramids_of_the_paper():
    made = shapes_after((nn.ConvTranspose2d,), on_meta(Generator), 2, 100, 1, 1)
    assert made == [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    read = shapes_after((nn.Conv2d,), on_meta(Discriminator), 2, 3, 64, 64)
    assert read == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (1, 1, 1)]


@PROPERTY
@given(st.integers(3, 12), FEW, FEW, FEW, FEW)
def test_both_pyramids_for_every_size(power, batch, latent, channels, width):
    size = 2**power
    generator = on_meta(Generator, latent=latent, image_size=size, channels=channels, width=width)
    discriminator = on_meta(Discriminator, image_size=size, channels=channels, width=width)
    edges = [2**n for n in range(2, power)]
    inner = [(width * size // (2 * edge), edge, edge) for edge in edges]

    made = shapes_after((nn.ConvTranspose2d,), generator, batch, latent, 1, 1)
    assert made == [*inner, (channels, size, size)]
    read = shapes_after((nn.Conv2d,), discriminator, batch, channels, size, size)
    assert read == [*reversed(inner), (1, 1, 1)]


@PROPERTY
@given(GAN_SIZES, st.integers(2, 4), FEW, FEW, FEW)
def test_what_the_generator_makes_the_discriminator_reads(size, batch, latent, channels, width):
    generator = Generator(latent, size, channels, width)
    images = generator(torch.randn(batch, latent, 1, 1))
    assert images.shape == (batch, channels, size, size)
    assert images.abs().max() <= 1
    logits = Discriminator(size, channels, width)(images)
    assert logits.shape == (batch,)
    assert logits.isfinite().all()


@PROPERTY
@given(FEW, FEW, FEW, st.integers(1, 40), FEW, FEW)
def test_the_classifier_takes_every_size_that_can_be_halved_often_enough(
    batch, channels, classes, size, width, blocks
):
    options = {"in_channels": channels, "classes": classes, "image_size": size, "width": width}
    if size < 2**blocks:
        with pytest.raises(ValueError, match=rf"image_size is {size}, too small .* {blocks} times"):
            SmallClassifier(**options, blocks=blocks)
        return
    model = on_meta(SmallClassifier, **options, blocks=blocks)
    pooled = shapes_after((nn.MaxPool2d,), model, batch, channels, size, size)
    edges = [size // 2**n for n in range(1, blocks + 1)]
    assert pooled == [(width * 2**n, edge, edge) for n, edge in enumerate(edges)]
    scores = model(torch.zeros(batch, channels, size, size, device="meta"))
    assert scores.shape == (batch, classes)


@pytest.mark.parametrize("shape", [(2, 100), (2, 99, 1, 1), (100, 1, 1), (2, 3, 64, 64)])
def test_a_vector_of_another_shape_is_torchs_error(shape):
    with pytest.raises((RuntimeError, ValueError), match=r"weight|input|expected"):
        Generator(width=1)(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 3, 128, 128), (2, 1, 64, 64)])
def test_an_image_of_another_shape_is_torchs_error(shape):
    with pytest.raises(RuntimeError, match=r"invalid for input|Kernel size|to have 3 channels"):
        Discriminator(width=1)(torch.zeros(shape))


# what they are made of


@PROPERTY
@given(st.integers(3, 8), FEW, FEW, FEW)
def test_parameters_of_the_pair_by_hand(power, latent, channels, width):
    size = 2**power
    stages = power - 2  # feature maps of 4, 8, … size/2 pixels
    inner = sum(16 * (width << n) * (width << n + 1) for n in range(stages - 1))  # 4×4 kernels
    widest = width << stages - 1
    normalized = 2 * sum(width << n for n in range(stages))  # a factor and a bias a channel

    generator = on_meta(Generator, latent=latent, image_size=size, channels=channels, width=width)
    assert count(generator) == 16 * latent * widest + inner + 16 * width * channels + normalized
    discriminator = on_meta(Discriminator, image_size=size, channels=channels, width=width)
    assert count(discriminator) == 16 * channels * width + inner + 16 * widest + (
        normalized - 2 * width  # the first layer has none
    )


@PROPERTY
@given(FEW, FEW, st.integers(16, 40), FEW, FEW)
def test_parameters_of_the_classifier_by_hand(channels, classes, size, width, blocks):
    options = {"in_channels": channels, "classes": classes, "image_size": size, "width": width}
    expected, before = 0, channels
    for after in [width, 2 * width, 4 * width, 8 * width][:blocks]:
        expected += 9 * before * after + 2 * after
        before = after
    expected += (before * (size // 2**blocks) ** 2 + 1) * classes
    assert count(on_meta(SmallClassifier, **options, blocks=blocks)) == expected


def test_defaults_have_the_numbers_of_the_literature():
    assert count(on_meta(Generator)) == 3_576_704  # that of PyTorch's DCGAN tutorial
    assert count(on_meta(Discriminator)) == 2_765_568
    assert count(on_meta(Generator, width=128)) == 12_658_432  # that of the paper: 1024 at 4×4


@pytest.mark.parametrize("size", [8, 16, 64])
def test_the_rules_of_the_paper(size):
    generator = [*Generator(image_size=size, width=2).layers]
    discriminator = [*Discriminator(image_size=size, width=2).layers]
    kinds = [type(layer) for layer in generator]
    stages = size.bit_length() - 3
    block = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*block * stages, nn.ConvTranspose2d, nn.Tanh]
    kinds = [type(layer) for layer in discriminator]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *block * (stages - 1), nn.Conv2d]
    for layer in [*generator, *discriminator]:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.bias is None
            at_the_tip = layer in (generator[0], discriminator[-1])
            assert layer.kernel_size == (4, 4)
            assert layer.stride == ((1, 1) if at_the_tip else (2, 2))
            assert layer.padding == ((0, 0) if at_the_tip else (1, 1))
        if isinstance(layer, nn.LeakyReLU):
            assert layer.negative_slope == 0.2


# gradients and weights


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        pytest.param(Generator(10, 32, 3, 4), (4, 10, 1, 1), id="generator"),
        pytest.param(Discriminator(32, 3, 4), (4, 3, 32, 32), id="discriminator"),
        pytest.param(Discriminator(8, 1, 4), (4, 1, 8, 8), id="smallest discriminator"),
        pytest.param(SmallClassifier(3, 5, 32, 4, 4), (4, 3, 32, 32), id="classifier"),
    ],
)
def test_gradients_reach_every_parameter_and_the_input(model, shape):
    torch.manual_seed(0)
    given_input = torch.randn(shape, requires_grad=True)
    output = model(given_input)
    (output * torch.randn_like(output)).sum().backward()  # a plain sum would cancel in BatchNorm
    for name, tensor in [("input", given_input), *model.named_parameters()]:
        assert tensor.grad is not None, name
        assert tensor.grad.isfinite().all(), name
        assert tensor.grad.abs().max() > 1e-6, name


@pytest.mark.parametrize("kind", [Generator, Discriminator])
def test_initial_weights_are_those_of_the_paper(kind):
    torch.manual_seed(0)
    model = kind()
    init_weights(model)
    for layer in model.layers:
        if not [*layer.parameters()]:
            continue
        mean = 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
        deviations = (layer.weight.detach().double() - mean) / 0.02
        numbers = deviations.numel()
        # five standard errors: of a mean, and of a standard deviation
        assert abs(deviations.mean()) < 5 / numbers**0.5
        assert abs(deviations.std() - 1) < 5 / (2 * numbers) ** 0.5
        if mean:
            assert not layer.bias.any()


def test_initial_weights_of_other_layers():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False), nn.PReLU(), nn.Linear(500, 40)
    )
    slope = model[2].weight.clone()
    init_weights(model)
    assert not model[0].bias.any()
    assert not model[3].bias.any()
    assert model[3].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(model[2].weight, slope)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_initial_weights_for_any_number_of_axes(axes):
    names = (f"Conv{axes}d", f"ConvTranspose{axes}d", f"BatchNorm{axes}d")
    convolution, transposed, norm = (getattr(nn, name) for name in names)
    torch.manual_seed(0)
    model = nn.Sequential(convolution(30, 60, 3), transposed(30, 60, 3), norm(3000))
    init_weights(model)
    for layer, mean in zip(model, (0, 0, 1), strict=True):
        assert layer.weight.mean().item() == pytest.approx(mean, abs=0.002)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()


def test_initial_weights_repeat_with_the_seed_and_take_a_single_layer():
    layer = nn.Conv2d(3, 8, 3)
    torch.manual_seed(1)
    init_weights(layer)
    first = layer.weight.clone()
    torch.manual_seed(1)
    init_weights(layer)
    assert torch.equal(layer.weight, first)
    init_weights(layer)
    assert not torch.equal(layer.weight, first)


def test_a_model_is_made_the_same_again_with_the_seed():
    for model in MODELS:
        weights = []
        for _ in range(2):
            torch.manual_seed(3)
            weights.append(nn.utils.parameters_to_vector(model(width=2).parameters()))
        assert torch.equal(*weights)


# learning


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_classifier_learns_the_digits(seed):
    torch.manual_seed(seed)
    images, classes = digits()
    order = torch.randperm(len(images))
    train, test = order[:1347], order[1347:]  # three quarters, one quarter
    model = SmallClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(8):
        for batch in train[torch.randperm(len(train))].split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), classes[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(images[test]).argmax(1) == classes[test]
    assert right.float().mean() >= 0.95


def test_a_step_of_the_game_moves_both_players():
    real, fake, generator, discriminator = players()
    for player, learn in ((discriminator, judging), (generator, making)):
        start = nn.utils.parameters_to_vector(player.parameters()).clone()
        (loss,) = train(player, lambda learn=learn: learn(discriminator, real, fake()), steps=1)
        assert loss.isfinite()
        moved = nn.utils.parameters_to_vector(player.parameters())
        assert moved.isfinite().all()
        assert not torch.equal(moved, start)


def test_the_discriminator_learns_to_tell_real_from_generated():
    real, fake, _, discriminator = players()
    losses = train(discriminator, lambda: judging(discriminator, real, fake()), steps=40)
    assert losses[0].item() == pytest.approx(2 * log(2), abs=0.1)  # it began by guessing
    assert losses[-1] < 0.5 * losses[0]


def test_the_generator_learns_to_please_the_discriminator():
    real, fake, generator, discriminator = players()
    train(discriminator, lambda: judging(discriminator, real, fake()), steps=40)
    losses = train(generator, lambda: making(discriminator, real, fake()), steps=40)
    assert losses[-1] < 0.5 * losses[0]


def players() -> tuple[Tensor, Callable[[], Tensor], Generator, Discriminator]:
    """Return 64 real images, what makes as many generated ones, and the pair."""
    torch.manual_seed(0)
    real = digits()[0][:64] * 2 - 1  # (64, 1, 8, 8), from −1 to 1 as tanh gives them
    generator = Generator(latent=16, image_size=8, channels=1, width=16)
    discriminator = Discriminator(image_size=8, channels=1, width=16)
    init_weights(generator)
    init_weights(discriminator)
    return real, lambda: generator(torch.randn(64, 16, 1, 1)), generator, discriminator


def judging(discriminator: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    """Return the discriminator's loss: real images should get 1, generated ones 0."""
    judged = discriminator(torch.cat([real, fake.detach()]))
    wanted = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))])
    return 2 * nn.functional.binary_cross_entropy_with_logits(judged, wanted)


def making(discriminator: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    """Return the generator's loss: its images should get 1."""
    judged = discriminator(fake)
    return nn.functional.binary_cross_entropy_with_logits(judged, torch.ones(len(fake)))


def train(player: nn.Module, loss: Callable[[], Tensor], steps: int) -> Tensor:
    """Return the loss before each step, shape (steps,)."""
    optimizer = torch.optim.Adam(player.parameters(), lr=0.005, betas=(0.5, 0.999))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.detach())
    return torch.stack(losses)


# wrong arguments


ARGUMENTS = {
    SmallClassifier: ("in_channels", "classes", "image_size", "width", "blocks"),
    Generator: ("latent", "image_size", "channels", "width"),
    Discriminator: ("image_size", "channels", "width"),
}
EACH_ARGUMENT = [(model, name) for model, names in ARGUMENTS.items() for name in names]


@pytest.mark.parametrize("value", [2.0, True, None, "8", [8]])
@pytest.mark.parametrize(("model", "name"), EACH_ARGUMENT)
def test_what_is_no_whole_number_is_refused(model, name, value):
    with pytest.raises(TypeError, match=f"^{name} must be a whole number"):
        model(**{name: value})


@pytest.mark.parametrize("value", [0, -8])
@pytest.mark.parametrize(("model", "name"), EACH_ARGUMENT)
def test_a_number_below_the_least_is_refused(model, name, value):
    with pytest.raises(ValueError, match=f"^{name} is {value}: it must be at least"):
        model(**{name: value})


@PROPERTY
@given(st.sampled_from([Generator, Discriminator]), st.integers(1, 300))
def test_a_size_that_is_no_power_of_two_is_refused_with_its_neighbours(model, size):
    if size < 8:
        with pytest.raises(ValueError, match=f"^image_size is {size}: it must be at least 8$"):
            model(image_size=size)
    elif size & (size - 1):
        below = 2 ** (len(f"{size:b}") - 1)
        told = rf"^image_size is {size}, no power of two, .*: choose {below} or {2 * below}$"
        with pytest.raises(ValueError, match=told):
            model(image_size=size)
    else:
        on_meta(model, image_size=size)


def test_only_a_module_can_be_initialized():
    for wrong in (None, Generator, torch.zeros(2)):
        with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got"):
            init_weights(wrong)
