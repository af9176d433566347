"""Regions of interest: RoIPool, RoIWarp, RoIAlign and position-sensitive pooling, with their gradients.
 Conventions of all four, as torchvision spells them. `features` (B, C, H, W) is a map with one cell for every 1 /
`spatial_scale` pixels, its stride. `boxes` are xyxy in pixels of the image: either rows (image, x0, y0, x1, y1), whose
first column says which image of the batch is meant and never a class, or a list with one (N, 4) tensor for each image.
`output_size` is one int or (rows, columns). The result is (R, C, rows, columns) in the order of the boxes; R = 0 works.
"""

from lessons_lib.ops.roi.align import affine_theta, roi_align, roi_align_loops
from lessons_lib.ops.roi.pool import roi_pool
from lessons_lib.ops.roi.position_sensitive import ps_roi_pool
from lessons_lib.ops.roi.warp import roi_warp

__all__ = ["affine_theta", "ps_roi_pool", "roi_align", "roi_align_loops", "roi_pool", "roi_warp"]
