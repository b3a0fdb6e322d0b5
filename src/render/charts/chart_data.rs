//! The data of a figure as JSON for the script of the page.
//!
//! A figure on the page holds
//!
//! ```html
//! <figure id="NAME">
//!   <div class="plot">
//!     <svg class="chart wide">…</svg>     shown from 700 px on and in print
//!     <svg class="chart narrow">…</svg>   shown below
//!   </div>
//!   <script type="application/json" class="chart-data">…</script>
//! </figure>
//! ```
//!
//! The JSON of a line chart, with `null` for a missing number:
//!
//! ```text
//! { "kind": "lines",
//!   "panels": [ {
//!     "title": "100 % of labels",             empty if there is one panel
//!     "x": AXIS, "y": AXIS,
//!     "references": [ { "y": 0.24, "text": "majority class: 24.0 %" } ],
//!     "series": [ {
//!       "key": 0,                             series of several panels with the same key have one legend entry
//!       "name": "h (64-d)",                   empty if the figure has one series only
//!       "class": "linear-0",                  CSS class that sets `color`
//!       "dash": "dash",                       "solid", "dash", "dot" or "dash-dot"
//!       "marker": "circle",                   "circle", "square", "diamond", "triangle", "down", "plus" or "cross"
//!       "marked": true,                       whether each point has its marker
//!       "points": [[1, 0.41], [2, null]],
//!       "intervals": [[0.35, 0.47], …],       of each point; absent without intervals
//!       "singles": [[1, 0.40], …],            values of single seeds; absent without them
//!       "best": 7,                            index of the point whose weights were kept; absent without one
//!       "steps": [12, 24]                     x of each point as a number of optimizer steps; absent if unknown
//!       "seconds": [3.1, 6.2]                 x of each point as training time; absent if unknown
//!     } ]
//!   } ] }
//! AXIS = { "title": "Epoch", "format": "epoch", "scale": "linear", "low": 0, "high": 8, "ticks": [[0, "0"], …] }
//! ```
//!
//! `format` is "epoch" (a whole number), "number", "percent" (0.41 is shown as "41.0 %"), "points" (0.029 as "+2.9"), or
//! "category" (the text of the tick at that value). `scale` is "linear" or "log".
//!
//! The JSON of a scatter plot:
//!
//! ```text
//! { "kind": "points", "classes": ["cat", "dog"], "panels": [ { "title": "h (64-d)", "labels": [0, 1, null] } ] }
//! ```
//!
//! `labels` has the class of every point in the order of the images, with `null` for a point that is not drawn.
//!
//! Elements of both SVGs, with lengths in its units (CSS pixels at its natural width):
//!
//! ```text
//! <g class="panel" data-panel="0" data-frame="LEFT TOP RIGHT BOTTOM">   the plotting area
//!   <g class="axis-x">, <g class="axis-y">                              ticks, their labels and grid lines
//!   <g class="reference" data-reference="0">
//!   <g class="series linear-0" data-series="0">                         index into the panel's "series"
//!     <path class="line">, then whiskers, then <path class="mark">; `data-dodge="DX"` if shifted to the right
//!   <g class="points class-3" data-class="3">                           one <path>: the k-th `M` is the k-th point of
//!                                                                       the class; the M of a point is its center
//! <g class="entry" data-key="0">                                        legend entry (symbol and name)
//! <g class="entry" data-class="3">                                      the same of a class
//! ```
