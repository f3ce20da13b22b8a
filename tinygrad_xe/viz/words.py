"""The words of the explorer in English and in Chinese."""

from __future__ import annotations

import re
from typing import Literal, get_args

from ..errors import ArgumentError

Language = Literal["en", "zh"]

#: Of each language the texts by their keys; ``{names}`` are filled in by `Words.say`.
TEXTS: dict[str, dict[str, str]] = {
    "en": {
        # the page
        "html_lang": "en", "title": "Step by step", "hint": "← → step · space plays · click a node to jump",
        "graph": "Computation graph", "panel": "This step", "controls": "Steps", "zoom": "Zoom",
        "forward": "forward", "backward": "backward", "rule": "Rule", "numbers": "Numbers", "code": "Code",
        "why": "Why", "first": "First step", "back": "Previous step", "play": "Play", "pause": "Pause",
        "next": "Next step", "last": "Last step", "slider": "Step", "theme": "Theme",
        "theme_long": "Switch between light and dark", "in": "Zoom in", "out": "Zoom out", "fit": "Fit",
        "rows": "rows", "no_script": "The steps need JavaScript.",
        "no_drawing": "No Graphviz was found, so the values are listed instead of drawn. "
        "To see them drawn, install Graphviz, or run: pip install graphviz-pure.",
        "from": "from", "sends": "sends back", "value": "value", "grad": "grad",
        "input": "input", "parameter": "parameter", "target": "target", "loss": "loss", "op": "op",
        "scalar": "scalar", "shape": "shape {shape}", "not tracked": "not tracked", "not kept": "not kept",
        "not computed yet": "not computed yet",
        # arrays
        "heat": "heat map of shape {shape}, from {low} to {high}",
        "everywhere": "{value} everywhere, shape {shape}",
        "nonfinite": "{count} of {size} are not finite: marked with a cross.",
        "block": "Reduced: each cell is the mean of up to {count} elements.",
        "wrapped": "One vector, wrapped into rows of {columns}.",
        "leading": "Leading axes are stacked into rows.",
        "not_kept": "not kept", "empty": "empty, shape {shape}",
        # steps
        "leaves": "inputs and parameters", "seed": "start of the backward pass",
        "sends_to": "{child} sends to {parent}", "from_above": "from above: {grad}", "local": "local derivative",
        "sent": "sent", "before": "{grad} before", "now": "{grad} now", "more": "and {count} more",
        # why: forward
        "why_leaves": "Nothing was computed yet: these values are given.",
        "why_uses": "{count} operations use {name}, so {count} gradients will come back to it.",
        "why_uses_one": "One gradient will come back to it.",
        "why_group": "{count} operations in one step; a larger depth= shows them.",
        "why_result": "The backward pass starts here.",
        "why_untracked": "No gradient is wanted here: nothing will be sent back.",
        "why_repeats": "{name} of shape {shape} is repeated to shape {whole}.",
        "why_reduces": "{size} numbers become {count}.",
        # why: backward
        "why_seed": "The derivative of {name} by itself is 1.",
        "why_seed_given": "The gradient that backward() was given.",
        "why_copies": "The local derivative is 1: the gradient passes unchanged.",
        "why_flips": "The local derivative is -1: the gradient changes its sign.",
        "why_scales": "The local derivative is a constant.",
        "why_other": "A product sends to each factor the gradient times the other one, {other}.",
        "why_itself": "The local derivative is {child} itself, which the forward pass has computed.",
        "why_from_out": "The local derivative is written with {child}, which the forward pass has computed.",
        "why_chooses": "The gradient goes only where {parent} was chosen; elsewhere it is 0.",
        "why_chain": "Chain rule: the gradient from above times the local derivative.",
        "why_matrix": "A matrix product sends back the gradient times the other factor, transposed.",
        "why_spreads": "Every element was added once, so each receives the whole gradient.",
        "why_shares": "Every element has an equal share in the mean, and receives that share of the gradient.",
        "why_moves": "Elements only moved, so their gradients move back.",
        "why_sums": "{parent} of shape {shape} was repeated to shape {whole}: "
        "the gradients of the copies add up.",
        "why_rule": "The gradient rule of {op}.",
        "why_path": "Path {k} of {count} into {parent}: gradients add up.",
        "why_complete": "All {count} have arrived: its gradient is complete.",
        "why_silent": "Nothing is sent to {names}: no gradient is wanted there.",
        "why_faint": "The local derivative is nearly 0 here, so hardly anything gets through.",
        "why_not_finite": "Something that is not finite is sent here: look at where it came from.",
        "join": " ", "list": ", ",
    },
    "zh": {
        "html_lang": "zh-CN", "title": "逐步演示", "hint": "← → 单步 · 空格播放 · 点击节点跳转",
        "graph": "计算图", "panel": "当前步骤", "controls": "步骤控制", "zoom": "缩放",
        "forward": "前向", "backward": "反向", "rule": "公式", "numbers": "数值", "code": "代码",
        "why": "原因", "first": "第一步", "back": "上一步", "play": "播放", "pause": "暂停",
        "next": "下一步", "last": "最后一步", "slider": "步骤", "theme": "主题",
        "theme_long": "切换浅色与深色", "in": "放大", "out": "缩小", "fit": "适应",
        "rows": "行", "no_script": "逐步演示需要 JavaScript。",
        "no_drawing": "未找到 Graphviz，因此以列表代替图形。执行 pip install graphviz-pure 或安装 Graphviz 即可绘图。",
        "from": "来自", "sends": "回传", "value": "值", "grad": "梯度",
        "input": "输入", "parameter": "参数", "target": "标签", "loss": "损失", "op": "运算",
        "scalar": "标量", "shape": "形状 {shape}", "not tracked": "不追踪", "not kept": "未保留",
        "not computed yet": "尚未计算",
        "heat": "热图，形状 {shape}，从 {low} 到 {high}",
        "everywhere": "处处为 {value}，形状 {shape}",
        "nonfinite": "{size} 个元素中有 {count} 个不是有限数，以叉号标出。",
        "block": "已缩小显示：每格是至多 {count} 个元素的平均值。",
        "wrapped": "一个向量，每行显示 {columns} 个元素。",
        "leading": "前面的各轴依次排成行。",
        "not_kept": "未保留", "empty": "空数组，形状 {shape}",
        "leaves": "输入与参数", "seed": "反向传播的起点", "sends_to": "{child} 传给 {parent}",
        "from_above": "上游：{grad}", "local": "局部导数", "sent": "送出",
        "before": "之前的 {grad}", "now": "现在的 {grad}", "more": "以及另外 {count} 个",
        "why_leaves": "尚未进行任何计算：这些值是给定的。",
        "why_uses": "有 {count} 个运算用到 {name}，因此会有 {count} 个梯度传回来。",
        "why_uses_one": "会有一个梯度传回来。",
        "why_group": "{count} 个运算合为一步；增大 depth= 可逐一查看。",
        "why_result": "反向传播从这里开始。",
        "why_untracked": "这里不需要梯度：不会有任何东西传回来。",
        "why_repeats": "形状为 {shape} 的 {name} 被广播到形状 {whole}。",
        "why_reduces": "{size} 个数归约为 {count} 个。",
        "why_seed": "{name} 对自身的导数为 1。",
        "why_seed_given": "传给 backward() 的梯度。",
        "why_copies": "局部导数为 1：梯度原样通过。",
        "why_flips": "局部导数为 -1：梯度改变符号。",
        "why_scales": "局部导数是常数。",
        "why_other": "乘积传给每个因子的，是梯度乘以另一个因子 {other}。",
        "why_itself": "局部导数就是 {child} 本身，前向时已经算出。",
        "why_from_out": "局部导数用 {child} 表示，它在前向时已经算出。",
        "why_chooses": "梯度只流向 {parent} 被选中的位置，其他位置为 0。",
        "why_chain": "链式法则：上游梯度乘以局部导数。",
        "why_matrix": "矩阵乘积回传的是梯度与另一个因子的转置之积。",
        "why_spreads": "每个元素都恰好被加了一次，因此各自得到完整的梯度。",
        "why_shares": "每个元素在平均值中占相同的份额，因此得到相同份额的梯度。",
        "why_moves": "元素只是移动了位置，因此梯度按原路移回。",
        "why_sums": "形状为 {shape} 的 {parent} 曾被广播到形状 {whole}，因此要把各副本的梯度相加。",
        "why_rule": "{op} 的梯度规则。",
        "why_path": "通向 {parent} 的 {count} 条路径中的第 {k} 条：梯度相加。",
        "why_complete": "{count} 条路径均已到达：梯度完整。",
        "why_silent": "{names} 不需要梯度，因此不向它传递。",
        "why_faint": "此处的局部导数接近 0，几乎没有梯度能通过。",
        "why_not_finite": "这里送出了非有限数：请查看它的来源。",
        "join": "", "list": "、",
    },
}  # fmt: skip

#: What pictures say in English, by patterns that match a whole text, and how it is said in another language.
DRAWN: dict[str, dict[str, str]] = {
    "en": {},
    "zh": {
        r"value": "值", r"grad": "梯度", r"scalar": "标量", r"shape (\(.*\))": r"形状 \1", r"input": "输入",
        r"parameter": "参数", r"target": "标签", r"loss": "损失", r"op result": "运算结果", r"module": "模块",
        r"function": "函数", r"folded": "已折叠", r"not tracked": "不追踪", r"not kept": "未保留",
        r"not computed yet": "尚未计算", r"seed of backward\(\)": "反向传播的起点", r"forward": "前向",
        r"∂loss/∂node": "∂损失/∂节点", r"sent back along the edge": "沿边回传", r"paths added up": "各路径相加",
        r"dashed: no gradient": "虚线：无梯度", r"Σ +(\d+) paths": r"Σ \1 条路径",
        r"all (\S+)": r"全为 \1", r"not kept: compute inside (with xe.record\(\):)": r"未保留：请在 \1 中计算",
        r"mean (\S+ ± \S+, \|max\| \S+)": r"均值 \1", r"from (\S+) to (\S+)": r"从 \1 到 \2",
        r"(\d+) of (\d+) True": r"\2 个中有 \1 个为 True", r"(\d+) NaN of (\d+)": r"\2 个中有 \1 个 NaN",
        r"(\d+) inf of (\d+)": r"\2 个中有 \1 个 inf",
    },
}  # fmt: skip

#: Texts that the script of the page needs.
FOR_SCRIPT = ("forward", "backward", "play", "pause", "fit", "rows")


class Words:
    """The texts of one language.

    Examples
    --------
    >>> Words("en").say("why_path", k=2, count=2, parent="z")
    'Path 2 of 2 into z: gradients add up.'
    """

    def __init__(self, language: Language) -> None:
        if language not in get_args(Language):
            raise ArgumentError(f"explore: lang is {language!r}; expected 'en' or 'zh'.")
        self.language = language
        self._texts = TEXTS[language]

    def drawn(self, text: str) -> str:
        """A text of a picture: of a card, an edge or the legend, or an array in a few words.

        Examples
        --------
        >>> Words("zh").drawn("shape (3, 2)")
        '形状 (3, 2)'
        """
        for pattern, other in DRAWN[self.language].items():
            if re.fullmatch(pattern, text):
                return re.sub(pattern, other, text)
        return text

    def say(self, text: str, /, **values: object) -> str:
        """The text called `text`, with its places filled in."""
        return self._texts[text].format(**values) if values else self._texts[text]
