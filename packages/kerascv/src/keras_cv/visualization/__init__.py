"""Pictures of images with boxes and masks."""

from keras_cv.visualization.draw_bounding_boxes import (
    draw_bounding_boxes as draw_bounding_boxes,
)
from keras_cv.visualization.draw_masks import draw_masks as draw_masks
from keras_cv.visualization.plot_bounding_box_gallery import (
    plot_bounding_box_gallery as plot_bounding_box_gallery,
)
from keras_cv.visualization.plot_image_gallery import (
    plot_image_gallery as plot_image_gallery,
)
from keras_cv.visualization.plot_mask_gallery import (
    plot_mask_gallery as plot_mask_gallery,
)
from keras_cv.visualization.plot_segmentation_mask_gallery import (
    plot_segmentation_mask_gallery as plot_segmentation_mask_gallery,
)
