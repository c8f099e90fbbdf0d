"""What each identifier of a cause means."""

from __future__ import annotations

from cnnguide.language import message

__all__ = ["cause_meanings"]


def cause_meanings() -> dict[str, str]:
    """Return what the causes and warnings of a diagnosis mean.

    Returns
    -------
    dict
        For each identifier that `Diagnosis.cause` or `Doubt.cause` can be, a sentence in the
        current language.

    See Also
    --------
    diagnose : Find the cause.

    Examples
    --------
    >>> from cnnguide import cause_meanings, use_language
    >>> with use_language("en"):
    ...     cause_meanings()["grey-input"]
    'A grey image, with one channel, goes into a model for colour images.'
    """
    return {
        # Channels and axes
        "grey-input": message(
            "A grey image, with one channel, goes into a model for colour images."
        ),
        "colour-input": message(
            "A colour image goes into a model for grey images, which have one channel."
        ),
        "alpha-channel": message(
            "The image has a fourth channel, its transparency, that the model does not expect."
        ),
        "channels-last-input": message(
            "The channels stand on the last axis, as in image files, and not before the pixels."
        ),
        "channels-on-another-axis": message(
            "The channels stand on another axis than the one where the layer looks for them."
        ),
        "channel-mismatch": message("The layer was made for another number of channels than come."),
        "channels-after-concat": message(
            "Joining added channels up, to another number than the next layer expects."
        ),
        "channels-after-pixel-shuffle": message(
            "A pixel shuffle turned channels into pixels: the next layer expects another number."
        ),
        "missing-channel-axis": message(
            "The axis for the channels is missing; even a grey image needs it."
        ),
        "missing-batch-axis": message("A single sample comes without an axis for the batch."),
        "squeezed-batch-axis": message(
            "The batch held one sample only, and squeeze() removed its axis as well."
        ),
        "extra-axis": message("There is an axis too many."),
        "flat-input": message(
            "Images that were flattened to rows go into a layer that needs height and width."
        ),
        "missing-unflatten": message(
            "A row of numbers goes into a layer for feature maps: it has to be made maps first."
        ),
        "layer-for-other-axes": message(
            "The layer is for data with another number of axes, such as Conv2d for sound."
        ),
        "pool-for-other-axes": message(
            "The pooling is for data with another number of axes, such as MaxPool2d for sound."
        ),
        "pool-after-flattening": message(
            "A pooling needs height and width, but the feature maps were flattened before it."
        ),
        "interpolation-for-other-axes": message(
            "This way of enlarging is for data with another number of axes."
        ),
        "sequence-axes": message(
            "The layer reads sequences, step after step, but the data has other axes."
        ),
        "code-for-other-axes": message(
            "A line of code counts on another number of axes than there are."
        ),
        # Features
        "missing-flatten": message(
            "Feature maps go into a Linear layer without having been flattened."
        ),
        "wrong-flatten": message(
            "The feature maps were flattened, but not to one row for each sample."
        ),
        "batch-axis-flattened": message(
            "All samples were flattened into one row: the batch has to keep its axis."
        ),
        "flatten-size": message(
            "After flattening, a sample holds more or fewer numbers than are expected."
        ),
        "missing-pooling": message(
            "The layer wants one number for each channel: a pooling before it is missing."
        ),
        "features-on-another-axis": message(
            "The features do not stand on the last axis, the only one that a Linear layer reads."
        ),
        "feature-mismatch": message("The layer was made for another number of features than come."),
        # Sizes
        "kernel-larger-than-input": message(
            "The kernel is larger than its input with the padding."
        ),
        "pooled-to-nothing": message(
            "After so many poolings the feature maps are too small for another one."
        ),
        "fixed-pooling-size": message(
            "The window of a pooling was made for larger feature maps than come."
        ),
        "padding-larger-than-input": message(
            "The padding is to repeat or mirror more pixels than the input has."
        ),
        # Making layers
        "groups-do-not-divide": message(
            "The number of channels can't be divided by the number of groups."
        ),
        "missing-groups": message(
            "Each filter is for one channel by itself, but the number of groups was not given."
        ),
        "filters-for-groups": message(
            "Each channel is to be filtered by itself, but there is not a filter for each."
        ),
        "heads-do-not-divide": message(
            "The length of the vectors can't be divided by the number of attention heads."
        ),
        "same-padding-with-stride": message(
            "With padding='same' the output is as large as the input, so the stride has to be 1."
        ),
        "padding-word": message("Padding is given as a word that this layer does not know."),
        "padding-mode": message(
            "The word for what fills the padding is none that this layer knows."
        ),
        "padding-entries": message("The list of paddings does not have two numbers for each axis."),
        "probability-out-of-range": message("The probability of a dropout is not between 0 and 1."),
        "setting-out-of-range": message(
            "A setting of the layer is too small, such as a stride of 0."
        ),
        "setting-not-whole": message(
            "A setting has to be a single whole number, but is something else, such as 3.0."
        ),
        "setting-entries": message(
            "A setting holds another number of numbers than the layer has axes to slide along."
        ),
        "setting-missing": message("The layer is made without a setting that it needs."),
        "setting-unknown": message("The layer is made with a setting that it does not have."),
        # Normalization
        "norm-features": message(
            "The normalization was made for another number of channels than come."
        ),
        "norm-for-other-axes": message(
            "The normalization is for data with another number of axes."
        ),
        "norm-after-flattening": message(
            "The normalization is for feature maps, but they were flattened before it."
        ),
        "norm-channels-last": message(
            "The normalization looks for the channels on axis 1, but they stand on the last axis."
        ),
        "norm-groups": message(
            "A group normalization can't divide the channels into groups of equal size."
        ),
        "layer-norm-shape": message(
            "LayerNorm was made for other lengths of the last axes than come."
        ),
        "layer-norm-of-channels-first": message(
            "LayerNorm reads the last axis, but the channels stand before height and width."
        ),
        "one-value-per-channel": message(
            "In training, BatchNorm can't work with a single value for each channel."
        ),
        "instance-norm-of-one-pixel": message(
            "InstanceNorm can't work with feature maps of a single pixel."
        ),
        # Activations
        "prelu-slopes": message("PReLU has slopes for another number of channels than come."),
        "glu-odd": message("GLU halves an axis, but the length of that axis is odd."),
        "no-such-axis": message(
            "The function is to work along an axis that the tensor does not have."
        ),
        "activation-arguments": message(
            "The activation is made with settings that it does not take."
        ),
        # Joining: concatenation, addition, stacking
        "concat-dim": message("Tensors are joined along the wrong axis."),
        "concat-without-brackets": message(
            "torch.cat wants its tensors in one list, with brackets around them."
        ),
        "images-concatenated": message(
            "Images were joined end to end, where torch.stack would make a batch of them."
        ),
        "stack-of-unequal-shapes": message(
            "The tensors to be stacked do not all have the same shape."
        ),
        "batch-mismatch": message("Two tensors that are joined hold different numbers of samples."),
        "not-expanded-to-batch": message(
            "What all samples share was not repeated for each sample of the batch."
        ),
        "missing-axes": message("One of two tensors lacks axes that the other one has."),
        "axes-in-another-order": message("Two tensors have the same axes, but in another order."),
        "position-embedding-size": message(
            "There are more or fewer positions in the input than the model has vectors for."
        ),
        "inputs-of-unequal-size": message(
            "Two inputs of unequal height or width meet in the model."
        ),
        "skip-of-odd-size": message(
            "An odd size was halved and doubled again, and no longer fits its skip connection."
        ),
        "skip-not-cropped": message(
            "Convolutions without padding cut the border off: the skip connection is larger now."
        ),
        "upsampled-too-large": message(
            "A feature map was made larger than the skip connection that it meets."
        ),
        "shortcut-mismatch": message(
            "A block changes channels or size, but the shortcut around it does not."
        ),
        "branches-mismatch": message(
            "Two branches of the model end in different channels or sizes."
        ),
        "branch-lost-border": message(
            "The paddings of two branches differ, so that one of them loses or gains some pixels."
        ),
        "shapes-do-not-match": message(
            "Two tensors that are joined or calculated with have shapes that do not match."
        ),
        "inplace-broadcast": message(
            "The result is larger than the tensor into which it is to be written."
        ),
        "inplace-on-expanded": message(
            "A tensor that expand made longer shares its numbers, and can't be written into."
        ),
        # view, reshape, and parts of tensors
        "view-not-contiguous": message(
            "view wants the numbers to stand in memory in the order of the axes, but they do not."
        ),
        "view-size": message("The new shape holds more or fewer numbers than there are."),
        "view-mixes-samples": message(
            "A view put numbers of several samples into one row; that shows only later."
        ),
        "batch-size-in-view": message(
            "The size of the batch is written into the code, but another number of samples came."
        ),
        "unflatten-size": message(
            "A row does not hold as many numbers as the feature maps that it is to become."
        ),
        "patches-do-not-fill": message(
            "The image can't be cut into patches of this size without a rest."
        ),
        "not-divisible": message(
            "The number of channels or features can't be divided into parts as the code wants."
        ),
        "channels-do-not-divide": message(
            "The channels can't be put into groups of equal size, as the function wants."
        ),
        "size-does-not-divide": message(
            "Height and width can't be cut into squares, as a pixel unshuffle wants."
        ),
        "split-sizes": message(
            "The lengths of the parts do not add up to the length of the axis that is split."
        ),
        "parts-do-not-fit-names": message(
            "A tensor is taken apart into more or fewer parts than there are names for them."
        ),
        "permute-axes": message("permute has to name each axis once, but does not."),
        "too-many-indices": message(
            "There are more indices between the brackets than the tensor has axes."
        ),
        "index-out-of-range": message(
            "An index is larger than the last one: counting begins with 0."
        ),
        "mask-of-another-shape": message(
            "A mask of True and False does not have the shape of what it picks from."
        ),
        # Pooling and transposed convolutions
        "pooling-padding": message("The padding of a pooling is more than half its window."),
        "pooling-without-indices": message(
            "Two results are taken from a pooling that was not told to give its indices."
        ),
        "unpooling-without-indices": message(
            "Unpooling needs the indices of the pooling, but gets none."
        ),
        "unpooling-indices-type": message("The indices for unpooling are not whole numbers."),
        "unpooling-other-indices": message("The indices for unpooling belong to another pooling."),
        "unpooling-size": message(
            "Pooling dropped a row or a column, so unpooling has to be told the size it restores."
        ),
        "output-padding-too-large": message(
            "output_padding has to be smaller than the stride or the dilation."
        ),
        "output-size-out-of-reach": message(
            "The transposed convolution can't make maps of the size it is asked for."
        ),
        "transposed-padding-too-large": message(
            "A transposed convolution's padding cuts its output off on each side: nothing is left."
        ),
        "transposed-weight-layout": message(
            "A transposed convolution wants its weight with the two channel axes exchanged."
        ),
        # Types of numbers
        "input-of-another-type": message(
            "The input holds numbers of another type than the model computes with."
        ),
        "model-of-another-type": message(
            "The model was changed to another type of numbers than its input has."
        ),
        "mixed-types": message("Numbers of two types meet within the model."),
        "complex-numbers": message("Complex numbers come to a layer that computes with real ones."),
        "indices-not-whole": message("Numbers that say which entry to take have to be whole."),
        "whole-numbers": message("Whole numbers come where fractions are needed, for a mean, say."),
        "whole-numbers-learnt": message(
            "Whole numbers are to be learned, but only fractions can change little by little."
        ),
        "inplace-type": message("Fractions are to be written into a tensor of whole numbers."),
        "mask-of-numbers": message(
            "A mask holds the numbers 0 and 1, where True and False are wanted."
        ),
        "truth-values-subtracted": message("A mask of True and False is used in a subtraction."),
        # Devices
        "input-on-another-device": message("The input is on another device than the model."),
        "tensor-left-behind": message(
            "A tensor of the model stayed behind when the model was moved to another device."
        ),
        "tensor-made-elsewhere": message(
            "A tensor is made within the model, but on another device."
        ),
        "several-devices": message("Tensors on two devices are to be used together."),
        "loss-left-behind": message(
            "The loss holds weights, and was not moved along with the model."
        ),
        "no-gpu": message("The code asks for a GPU, but PyTorch finds none."),
        "model-on-meta": message(
            "The model has shapes but no numbers yet: it is on the meta device."
        ),
        "input-on-meta": message("The input has a shape but no numbers: it is on the meta device."),
        "no-numbers-on-meta": message(
            "A tensor on the meta device is asked for numbers, which it does not have."
        ),
        # Losses: one of several classes
        "target-extra-axis": message("The target has an axis of length 1 too many."),
        "target-without-batch": message(
            "The target is a single number, without an axis for the batch."
        ),
        "one-hot-target": message(
            "The target marks the class by a 1 among 0s, where the loss wants the class number."
        ),
        "multi-label-target": message(
            "A sample may have several labels, but the loss is for exactly one class."
        ),
        "class-numbers-dtype": message(
            "The class numbers are not of the type for whole numbers, torch.int64."
        ),
        "measurements-as-classes": message(
            "The target holds measurements, but the loss is for classes."
        ),
        "too-few-classes": message(
            "The last layer gives fewer scores than there are classes in the target."
        ),
        "one-score-for-all-classes": message(
            "The model gives one number for each sample, but a score for each class is wanted."
        ),
        "labels-from-one": message(
            "The class numbers are counted from 1, but PyTorch counts from 0."
        ),
        "negative-class": message("A class number is negative."),
        "ignore-index": message(
            "A number marks what is not to count, but the loss was not told to leave it out."
        ),
        "classes-not-on-axis-1": message("The scores of the classes do not stand on axis 1."),
        "scores-in-maps": message("Each image has one class, but the scores still stand in maps."),
        "flattened-on-one-side": message(
            "Samples and steps were joined to one axis in the output only, or in the target only."
        ),
        "mask-size": message("The mask is not as large as the maps of scores."),
        "mask-in-colours": message(
            "The mask is a picture in colours, where each pixel should be a class number."
        ),
        "mask-scaled": message(
            "The mask was divided by 255, so that it holds no class numbers any more."
        ),
        "mask-of-0-and-255": message(
            "A mask in black and white holds 0 and 255, where the classes are 0 and 1."
        ),
        "mask-of-grey-levels": message(
            "The mask holds shades of grey, where classes are counted 0, 1, 2 and so on."
        ),
        "class-weights": message(
            "The weights of the classes do not fit the scores, in number or in type."
        ),
        # Losses: output and target, number by number
        "target-shape": message("Output and target have to be of the same shape, but are not."),
        "target-channels-last": message(
            "The target has its channels on the last axis, the output on axis 1."
        ),
        "target-dtype": message(
            "Output and target hold different types of numbers, or whole numbers."
        ),
        "target-out-of-range": message("The target has to be from 0 to 1, but is not."),
        "target-missing": message("The loss was given None as its target."),
        "target-not-a-tensor": message("The target is a list, an array or a number, not a tensor."),
        "output-and-target-swapped": message(
            "The loss was given the target first and the output second."
        ),
        "output-size": message("The output is not as high and wide as the target."),
        "rows-against-maps": message("Only one of output and target was flattened."),
        "other-batch-size": message("Output and target hold different numbers of samples."),
        "class-numbers-for-scores": message(
            "The loss compares number by number, but the target holds class numbers."
        ),
        "probabilities-out-of-range": message(
            "The loss wants probabilities, but the output is not between 0 and 1."
        ),
        "not-a-number": message("The output holds NaN, which is not a number any more."),
        "loss-class-for-instance": message(
            "The loss was given data where it is made: it has to be made first, then called."
        ),
        "ctc-batch-first": message(
            "The CTC loss wants time on the first axis, but the batch stands there."
        ),
        "discriminator-output": message(
            "The discriminator gives maps, where one number for each image is wanted."
        ),
        "labels-of-another-batch": message("The labels were made for a batch of another size."),
        "latent-shape": message(
            "The random numbers for a generator lack their axes of length 1 for height and width."
        ),
        # Gradients
        "inplace-before-backward": message("A tensor that backward still needs was overwritten."),
        "weights-changed-before-backward": message(
            "The optimizer changed the weights before backward had used them."
        ),
        "leaf-changed-inplace": message(
            "A weight, or an input whose gradient is wanted, is overwritten."
        ),
        "graph-used-twice": message(
            "backward goes a second time through a part whose steps are no longer kept."
        ),
        "loss-is-no-single-number": message(
            "backward wants one number to begin with, but the loss has several."
        ),
        "loss-without-graph": message(
            "The loss was cut off from the weights on the way, so that they get no gradient."
        ),
        "gradients-switched-off": message(
            "The model ran within torch.no_grad(), where nothing is noted for gradients."
        ),
        "everything-frozen": message("All weights are frozen, so that there is nothing to learn."),
        "input-not-in-graph": message(
            "A gradient is asked for a tensor that had no part in the result."
        ),
        # Checkpoints
        "checkpoint-shape": message(
            "Some weights have another shape in the checkpoint than in the model."
        ),
        "checkpoint-prefix": message(
            "The names in the checkpoint hold a word that those of the model do not."
        ),
        "checkpoint-of-a-part": message("The checkpoint belongs to a part of the model."),
        "checkpoint-of-another-model": message("The checkpoint belongs to another model."),
        "checkpoint-of-arrays": message("The checkpoint holds NumPy arrays instead of tensors."),
        "checkpoint-without-buffers": message(
            "The checkpoint lacks the running means and variances of BatchNorm."
        ),
        "wrapped-checkpoint": message(
            "The weights are one level deeper in the checkpoint, beside other entries."
        ),
        "reparametrized-checkpoint": message(
            "The model was saved with another form of its weights, such as spectral_norm."
        ),
        "renamed-layers": message("Layers have other names in the checkpoint than in the model."),
        "layer-made-otherwise": message(
            "A layer has a bias, or the like, in only one of checkpoint and model."
        ),
        "checkpoint-lacks-layers": message("The model has layers that the checkpoint lacks."),
        "unexpected-layers": message("The checkpoint has layers that the model lacks."),
        "not-a-state-dict": message(
            "What is to be loaded is not a table of weights by name, a state dict."
        ),
        "state-of-an-optimizer": message("The state of an optimizer is given to a model."),
        "optimizer-checkpoint": message("The state that was saved does not fit the optimizer."),
        "state-used-as-model": message("A state dict is used as if it were the model."),
        # Putting a model together
        "missing-super-init": message(
            "The class does not call super().__init__() before its first layer."
        ),
        "missing-forward": message(
            "The model has no forward, or it is misspelt or wrongly indented."
        ),
        "missing-layer": message("forward uses a layer that __init__ does not make."),
        "layer-without-self": message("__init__ makes a layer, but does not assign it to self."),
        "misspelt-name": message("A name is misspelt."),
        "unknown-name": message(
            "A variable does not exist here, but self has something of that name."
        ),
        "attribute-within-a-wrapper": message(
            "The model is held by another module, and has to be asked for within it."
        ),
        "class-instead-of-layer": message(
            "A class stands where a layer made from it belongs: the parentheses are missing."
        ),
        "function-instead-of-layer": message("A function stands where a layer is wanted."),
        "tensor-among-layers": message(
            "A tensor stands among the layers: a layer was called too early."
        ),
        "none-among-layers": message("None stands among the layers, and can't be called."),
        "list-in-sequential": message(
            "nn.Sequential was given a list, where each layer is to be given by itself."
        ),
        "list-among-layers": message("A list of layers stands where one layer is wanted."),
        "layers-in-a-plain-list": message(
            "Layers are kept in a plain Python list, where the model does not find them."
        ),
        "tensor-as-parameter": message("A plain tensor is assigned in the place of a parameter."),
        "output-assigned-to-layer": message(
            "The output of a layer is assigned to the name of the layer itself."
        ),
        "comma-after-layer": message("A comma after the layer makes a tuple of it."),
        "list-called": message("A plain list or dict of layers can't be called."),
        "container-called": message(
            "A ModuleList or ModuleDict only keeps layers, and can't be called."
        ),
        "pair-called": message("A pair of a name and a layer is called instead of the layer."),
        "names-instead-of-layers": message("A loop gives the names of the layers, not the layers."),
        "text-called": message("Text is called as if it were a function."),
        "tensor-called": message(
            "A tensor is called, often with round brackets where square ones are meant."
        ),
        "none-called": message("None is called as if it were a layer."),
        "maker-without-return": message("The function that makes a layer does not return it."),
        "endless-recursion": message(
            "forward calls its own model, which runs forward again, without end."
        ),
        # Handing values to a model and from layer to layer
        "too-many-inputs": message(
            "A model or a layer is given more inputs than its forward takes."
        ),
        "missing-input": message(
            "A model or a layer is given fewer inputs than its forward takes."
        ),
        "unknown-argument": message("An input is given by a name that forward does not know."),
        "forward-without-self": message("The forward of the model lacks its first argument, self."),
        "forward-without-return": message(
            "A forward or another function does not return its result."
        ),
        "function-not-called": message(
            "A function is used without being called: the parentheses are missing."
        ),
        "class-called-with-data": message(
            "A class is given data as if it were a layer: it has to be made first, then called."
        ),
        "layer-instead-of-output": message("A layer itself is handed on, not its output."),
        "tuple-passed-on": message(
            "A layer gave back several values, and all of them were handed on."
        ),
        "list-passed-on": message("A list of tensors comes where one tensor is wanted."),
        "dict-passed-on": message("A dict comes where one tensor is wanted."),
        "batch-not-unpacked": message(
            "The model is given images and labels together, instead of the images."
        ),
        "text-passed-on": message(
            "Text, such as the name of a file, comes where a tensor is wanted."
        ),
        "array-instead-of-tensor": message(
            "A NumPy array or a list of numbers comes where a tensor is wanted."
        ),
        "picture-instead-of-tensor": message(
            "An image opened with Pillow comes where a tensor is wanted."
        ),
        "unpacked-wrongly": message(
            "What a layer gives back is taken apart into the wrong number of parts."
        ),
        # What cnnguide can't explain
        "compiled": message("It fails within a compiled model, where nobody can look inside."),
        "unknown": message("This failure is not one that cnnguide knows."),
        # Warnings: it runs, but is probably wrong
        "target-broadcast": message(
            "Output and target are stretched, so that each output is compared with each target."
        ),
        "softmax-before-cross-entropy": message(
            "A softmax comes before a cross-entropy loss, which holds one itself."
        ),
        "one-channel-broadcast": message("One channel is added to each of many channels."),
        "dead-activation": message(
            "An activation gives 0 everywhere, so that the layers before it do not learn."
        ),
        "train-mode-one-sample": message(
            "A single sample goes through a model in training mode: model.eval() seems forgotten."
        ),
    }
