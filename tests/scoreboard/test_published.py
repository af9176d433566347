"""The lecture's tables, as they stand in the paper, and the rows of ours that are beside them."""

import pytest

from lessons_lib.scoreboard.published import BOXES, COLUMNS, MASKS
from lessons_lib.scoreboard.systems import SYSTEMS


def test_the_tables_have_the_paper_s_rows_and_first_columns():
    assert [row.ap for row in MASKS] == [24.6, 29.2, 33.6, 33.1, 35.7, 37.1]
    assert [row.ap for row in BOXES] == [34.9, 36.2, 34.7, 36.8, 37.3, 38.2, 39.8]


@pytest.mark.parametrize("row", [*MASKS, *BOXES], ids=lambda row: f"{row.system} {row.backbone}")
def test_a_row_is_whole(row):
    assert len(row.numbers) == len(COLUMNS)
    ap, ap50, ap75, small, medium, large = row.numbers
    assert ap < ap50 and (ap75 is None or ap < ap75 < ap50)
    assert small is None or small < medium < large
    assert row.ours is None or row.ours in SYSTEMS
    assert row.ours is not None or row.remark.startswith("quoted: ")


def test_masks_stand_beside_systems_with_masks():
    assert all(SYSTEMS[row.ours].has_masks for row in MASKS if row.ours)
    assert [row.ours for row in BOXES if row.ours and row.system.startswith("Mask")] == [
        "mask_rcnn_fpn",
        "mask_rcnn_wide",
    ]
