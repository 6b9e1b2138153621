r"""The formulas of the metrics, and how a formula in TeX becomes MathML, which browsers draw without a script or a network.

Symbols are those at the top of the page of metrics. E is the mean over held-out windows, P a share of them.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

FORMULAS = {
    "reconstruction/loss": r"\mathbb{E}\left[\frac{1}{V} \sum_i (f_i - \hat f {}_i)^2\right]",
    "reconstruction/r2": r"1 - \frac{\sum_i \mathrm{SSE}_i}{\sum_i \mathrm{SST}_i}",
    "reconstruction/r2_macro": r"\operatorname{mean}_i \left(1 - \frac{\mathrm{SSE}_i}{\mathrm{SST}_i}\right)",
    "reconstruction/relu_gain": r"R^2(\hat f) - R^2(h B + c)",
    "reconstruction/false_positive_rate": r"P(\hat f {}_i > t \mid f_i = 0)",
    "reconstruction/false_negative_rate": r"P(\hat f {}_i \le t \mid f_i = 1)",
    "interference/gap": r"\mathbb{E}[I_i \mid f_i = 1] - \mathbb{E}[I_i \mid f_i = 0]",
    "interference/rescued": r"P(a_i > 0,\; b_i + M_{ii} \le 0 \mid f_i = 1)",
    "interference/filtered": r"P(I_i > 0,\; a_i \le 0 \mid f_i = 0)",
    "interference/filtered_given_pushed": r"P(a_i \le 0 \mid I_i > 0,\; f_i = 0)",
    "interference/absent_energy": r"\frac{\mathbb{E} \sum_{i: f_i = 0} a_i^2}{\mathbb{E} \sum_i (a_i - b_i)^2}",
    "interference/constructive_energy": r"\frac{2\, \mathbb{E} \sum_{i < j} \max(f_i f_j G_{ij}, 0)}{\mathbb{E} {\lVert M f \rVert}^2}",
    "interference/destructive_energy": r"\frac{2\, \mathbb{E} \sum_{i < j} \max(-f_i f_j G_{ij}, 0)}{\mathbb{E} {\lVert M f \rVert}^2}",
    "interference/net_energy": r"\frac{\mathbb{E} \sum_{i \ne j} f_i f_j G_{ij}}{\mathbb{E} {\lVert M f \rVert}^2}",
    "interference/bias_distance": r"\frac{{\lVert b - b^* \rVert}}{{\lVert b^* \rVert}}, \quad b^* = \mathbb{E}[f] - \mathbb{E}[D E f]",
    "alignment/covariance_cosine": r"\frac{\sum_{i \ne j} G_{ij} C_{ij}}{\sqrt{\sum_{i \ne j} G_{ij}^2 \sum_{i \ne j} C_{ij}^2}}",
    "alignment/cka": r"\frac{\mathrm{HSIC}(G, C)}{\sqrt{\mathrm{HSIC}(G, G)\, \mathrm{HSIC}(C, C)}}",
    "alignment/pca_distance": r"\frac{{\lVert M - P \rVert}_F}{\sqrt{m}}",
    "cluster/silhouette": r"\operatorname{mean}_i \frac{b_i - a_i}{\max(a_i, b_i)}",
    "ring/<set>/order": r"""\frac{\left\lvert \sum_k e^{i(a_k - b_k)} \right\rvert - \left\lvert \sum_k e^{i(a_k + b_k)} \right\rvert}
        {2 \sqrt{\frac{n}{2} \sum_k \sin^2(a_k - \bar a)}}""",
    "ring/<set>/order_p_lowest": r"\frac{2}{(n - 1)!}",
    "ring/<set>/planarity_null": r"\frac{2}{n - 1}",
    "ring/<set>/circulance": r"1 - \frac{{\lVert G_S - C \rVert}_F^2}{{\lVert G_S \rVert}_F^2}",
    "capacity/features_per_dimension": r"\frac{{\lVert W \rVert}_F^2}{m}",
    "capacity/dimensionality_mean": r"\operatorname{mean}_i \frac{{\lVert w_i \rVert}^2}{\sum_j (u_i \cdot w_j)^2}",
    "capacity/participation_ratio": r"\frac{(\sum_k \lambda_k)^2}{\sum_k \lambda_k^2}",
    "capacity/effective_rank": r"\exp\left(-\sum_k p_k \log p_k\right), \quad p_k = \frac{s_k}{\sum_l s_l}",
    "packing/off_diagonal_norm": r"{\lVert G - \operatorname{diag}(G) \rVert}_F",
    "packing/interference_rms": r"\frac{{\lVert U - I \rVert}_F}{\sqrt{K (K - 1)}}",
    "packing/coherence": r"\max_{i \ne j}\, \left\lvert U_{ij} \right\rvert",
    "packing/welch_ratio": r"\max_{i \ne j}\, \left\lvert U_{ij} \right\rvert / \sqrt{\frac{K - m}{m (K - 1)}}",
}


def draw_formula(writer: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML into the page. Sphinx calls it with the writer of the page."""
    block = isinstance(node, nodes.math_block)
    math = tex2mathml(node.astext(), as_block=block)
    writer.body.append(f'<div class="math">{math}</div>\n' if block else math)
    raise nodes.SkipNode
