"""Exercise 08.5: the channels of a mirror."""

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import deconvnet

MIRROR = Exercise(
    "08.5",
    "Channels of the mirror",
    difficulty=1,
    minutes=10,
    oracle=deconvnet.mirrored_channels,
    cases=lambda: [
        {"stages": [(16, 24), (32, 40), (48, 56, 64)]},
        {"stages": [(2, 3)]},
        {"stages": [(2,), (3,)]},
        {"stages": [(2,), (3, 4)]},
        {"stages": [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]},
        {"stages": [(8,), (12,), (12, 20)]},
        {"stages": [(5, 7, 9)]},
    ],
    hints=(
        "Write the encoder's layers as one chain: 64, 64, 128, 128, … A mirrored layer goes from its original's output "
        "back to its original's input.",
        "So the decoder's channels are the inputs of the encoder's layers, read from the end. The input of a stage's "
        "first layer is the last number of the stage above.",
        "The very first input is the image, with 3 channels; the mirror keeps the first layer's channels there. Then "
        "cut the chain into blocks as long as the stages.",
    ),
)


@MIRROR.model
def mirrored_channels(stages):
    blocks = []
    for number in reversed(range(len(stages))):
        stage = stages[number]
        above = stages[number - 1][-1] if number > 0 else stage[0]
        inputs = (above, *stage[:-1])
        blocks.append(inputs[::-1])
    return blocks


@MIRROR.flags(
    reverses="This looks like the stages read backwards as they are. Then a block ends with its own stage's channels, "
    "but the next switches belong to a map with those of the stage above.",
    at_once="This looks like channels that drop in a block's first layer. They drop in its last one, just before the "
    "next unpooling; until then the block keeps its own.",
    own_first="This looks like a block that ends with its own stage's first channels. Its last layer goes back to what "
    "the stage's first layer read: the stage above.",
    above_first="This looks like a block that ends with the FIRST channels of the stage above. The stage's first layer "
    "read what the stage above returned: its last.",
    halved="This looks like a last layer with half of the channels. The stage above need not have half as many: take "
    "its own number.",
    keeps_outputs="This looks like the outputs of the mirrored layers' originals. A mirrored layer goes back to its "
    "original's INPUT.",
    encoder_order="This looks like the encoder's order: the decoder begins with the deepest stage.",
    three="This looks like a mirror down to the image's 3 channels. The last block keeps the first layer's channels: a "
    "1 × 1 convolution for the scores comes after it.",
    one_list="This looks like one list of all layers. One tuple for each block is asked for.",
)
def wrong_mirror(stages, *, reverses=False, at_once=False, own_first=False, above_first=False, halved=False,
                 keeps_outputs=False, encoder_order=False, three=False, one_list=False):  # fmt: skip
    blocks = []
    for number in reversed(range(len(stages))):
        stage = stages[number]
        above = stages[number - 1][0 if above_first else -1] if number > 0 else 3 if three else stage[0]
        above = stage[0] if own_first and number > 0 else stage[-1] // 2 if halved and number > 0 else above
        block = (above, *stage[:-1])[::-1]
        block = stage[::-1] if reverses else (*stage[::-1][:-1], above) if keeps_outputs else block
        blocks.append((above,) * len(stage) if at_once else block)
    blocks = blocks[::-1] if encoder_order else blocks
    return [channels for block in blocks for channels in block] if one_list else blocks
