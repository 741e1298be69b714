// A chart as SVG: bars on a card of its own, so that it can be read on a light page and on a dark one.

import { BarChart, CustomChart } from "echarts/charts";
import type { BarSeriesOption, CustomSeriesOption } from "echarts/charts";
import { GraphicComponent, GridComponent } from "echarts/components";
import type { GraphicComponentOption, GridComponentOption } from "echarts/components";
import { init, use } from "echarts/core";
import type { ComposeOption } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Metric } from "../study.ts";
import { isPool } from "./charts.ts";
import type { Bar, Chart, Role } from "./charts.ts";
import { capital, digitsFor, numberText, ratioDigits, withUnit } from "./numbers.ts";

use([BarChart, CustomChart, GraphicComponent, GridComponent, SVGRenderer]);

type Option = ComposeOption<
  BarSeriesOption | CustomSeriesOption | GraphicComponentOption | GridComponentOption
>;
type RenderItem = NonNullable<CustomSeriesOption["renderItem"]>;

const COLORS: { readonly [role in Role]: string } = {
  pool: "#1a6fe0",
  "pool-stateless": "#82b4f2",
  floor: "#848d97",
  other: "#cdd3da",
};
const INK = { strong: "#1f2328", muted: "#59636e", line: "#d1d9e0" };
const CARD = "#ffffff";

/** All in pixels. */
const WIDTH = 840;
const PADDING = 28;
const INNER = WIDTH - 2 * PADDING;
/** The chart's own head, and that of a group. */
const HEAD = 76;
const HEADING = 28;
const LINE = 18;
const ROW = 25;
const BAR = 14;
const GAP = 18;
/** The column of the ratios. */
const RATIOS = 72;
const LONGEST_NAME = 300;
/** A character of 13 and of 12 pixels in the widest of the fonts that `sans-serif` may mean. */
const CHARACTER = 8;
const SMALL_CHARACTER = 7;
/** Half of a whisker's end. */
const WHISKER = 3.5;

export function draw(chart: Chart): string {
  const layout = layoutOf(chart);
  const { height } = layout;
  const drawn = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    drawn.setOption(optionOf(chart, layout));
    return cleaned(drawn.renderToSVGString());
  } finally {
    drawn.dispose();
  }
}

/** Without what is for a page that runs echarts: its names count the charts drawn before in this process. */
function cleaned(svg: string): string {
  return `${svg
    .replace(/<style[^]*?<\/style>\n?/g, "")
    .replace(/ (class|ecmeta_\w+|pointer-events)="[^"]*"/g, "")
    .trimEnd()}\n`;
}

interface Layout {
  readonly height: number;
  /** Where each group begins. */
  readonly tops: readonly number[];
  /** Of the bars. */
  readonly left: number;
  readonly width: number;
}

function layoutOf(chart: Chart): Layout {
  const { groups, metric } = chart;
  const bars = groups.flatMap((group) => group.bars);
  const names = bars.map(({ name }) => name.length * CHARACTER);
  const values = bars.map(({ value }) => labelOf(value.median, metric).length * CHARACTER);
  const left = PADDING + Math.min(Math.max(...names), LONGEST_NAME) + 8;
  const right = PADDING + Math.max(...values) + 16 + (hasRatios(bars) ? RATIOS : 0);
  const tops: number[] = [];
  let top = headOf(chart);
  for (const group of groups) {
    tops.push(top);
    top += HEADING + group.bars.length * ROW + GAP;
  }
  return { height: top - GAP + PADDING - 8, tops, left, width: WIDTH - left - right };
}

function optionOf(chart: Chart, layout: Layout): Option {
  const { groups, metric, isOneScale } = chart;
  const { tops, left, width, height } = layout;
  const scales = groups.map(({ bars }) => scaleOf(bars));
  const common = scaleOf(groups.flatMap(({ bars }) => bars));
  return {
    animation: false,
    graphic: [
      card(height),
      ...head(chart),
      ...groups.map(({ heading }, index) => {
        return text(PADDING, (tops[index] ?? 0) + 11, heading, { fontWeight: "bold" });
      }),
    ],
    grid: groups.map(({ bars }, index) => {
      const top = (tops[index] ?? 0) + HEADING;
      return { left, width, top, height: bars.length * ROW };
    }),
    xAxis: scales.map((own, gridIndex) => {
      return { gridIndex, type: "value", show: false, ...(isOneScale ? common : own) };
    }),
    yAxis: groups.map(({ bars }, gridIndex) => ({
      gridIndex,
      type: "category",
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLine: { lineStyle: { color: INK.line } },
      axisTick: { show: false },
      // Drawn with the numbers: an axis has them end at the bars.
      axisLabel: { show: false },
    })),
    series: groups.flatMap(({ bars }, index) => series(bars, index, metric)),
  };
}

/** From zero, unless something is below it. */
function scaleOf(bars: readonly Bar[]): { min: number; max: number } {
  const most = Math.max(...bars.map(({ value }) => value.max));
  return { min: Math.min(0, ...bars.map(({ value }) => value.min)), max: most > 0 ? most : 1 };
}

function card(height: number): GraphicComponentOption {
  const shape = { x: 0.5, y: 0.5, width: WIDTH - 1, height: height - 1, r: 10 };
  return { type: "rect", z: -1, shape, style: { fill: CARD, stroke: INK.line, lineWidth: 1 } };
}

function head(chart: Chart): Text[] {
  const { metric, groups } = chart;
  const bars = groups.flatMap((group) => group.bars);
  const lines = [
    text(PADDING, 28, capital(metric.name), { fontSize: 17, fontWeight: "bold" }),
    ...legendOf(chart).map((line, index) => {
      const y = 52 + index * LINE;
      return text(PADDING, y, line, { fontSize: 12, fill: INK.muted });
    }),
  ];
  if (!hasRatios(bars)) return lines;
  const y = headOf(chart) + 11;
  return [...lines, text(WIDTH - PADDING, y, "÷ pool", { fill: INK.muted, align: "right" })];
}

/** What one sees, in as few lines as it fits into. */
function legendOf({ context, metric, groups, isOneScale }: Chart): string[] {
  const bars = groups.flatMap((group) => group.bars);
  const parts = [`${metric.unit === "" ? "" : `${metric.unit}, `}${metric.better} is better`];
  if (bars.some(({ value }) => value.min < value.max)) parts.push("median, least and most");
  if (!isOneScale) parts.push("each group has a scale of its own");
  const lines = [cut(context, INNER / SMALL_CHARACTER)];
  for (const part of parts) {
    const longer = `${lines.at(-1)}  ·  ${part}`;
    if (longer.length * SMALL_CHARACTER <= INNER) lines.splice(-1, 1, longer);
    else lines.push(part);
  }
  return lines;
}

function headOf(chart: Chart): number {
  return HEAD + (legendOf(chart).length - 1) * LINE;
}

function series(
  bars: readonly Bar[],
  index: number,
  metric: Metric,
): [BarSeriesOption, CustomSeriesOption] {
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const data = bars.map(({ value, role }) => {
    return { value: value.median, itemStyle: { color: COLORS[role] } };
  });
  const spreads = bars.map(({ value }, row) => [value.median, value.min, value.max, row]);
  return [
    { ...axes, type: "bar", barWidth: BAR, barMinHeight: 2, data },
    {
      ...axes,
      type: "custom",
      z: 3,
      clip: false,
      encode: { x: [0, 1, 2], y: 3 },
      data: spreads,
      renderItem: rowOf(bars, metric),
    },
  ];
}

/** All of a row but its bar. */
function rowOf(bars: readonly Bar[], metric: Metric): RenderItem {
  return ({ dataIndex }, api) => {
    const bar = bars[dataIndex];
    if (bar === undefined) return null;
    const { name, role, value, ratio } = bar;
    const at = (one: number): number => api.coord([one, dataIndex])[0] ?? 0;
    const y = api.coord([0, dataIndex])[1] ?? 0;
    const [from, to] = [at(value.min), at(value.max)];
    const strong = isPool(role) ? ({ fontWeight: "bold" } as const) : {};
    const children = [
      text(PADDING, y, cut(name, LONGEST_NAME / CHARACTER), strong),
      text(Math.max(at(value.median), to) + 8, y, labelOf(value.median, metric), strong),
    ];
    if (ratio !== undefined) {
      const words = `${numberText(ratio.median, ratioDigits(ratio.median))} ×`;
      children.push(text(WIDTH - PADDING, y, words, { fill: INK.muted, align: "right" }));
    }
    return {
      type: "group",
      children: [...children, ...(to - from < 2 ? [] : whisker(from, to, y))],
    };
  };
}

function whisker(from: number, to: number, y: number): Line[] {
  const line = (x1: number, y1: number, x2: number, y2: number): Line => {
    return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: INK.strong, lineWidth: 1 } };
  };
  const ends = [from, to].map((x) => line(x, y - WHISKER, x, y + WHISKER));
  return [line(from, y, to, y), ...ends];
}

interface Line {
  readonly type: "line";
  readonly shape: { x1: number; y1: number; x2: number; y2: number };
  readonly style: { stroke: string; lineWidth: number };
}

interface TextStyle {
  readonly fontSize?: number;
  readonly fontWeight?: "bold";
  readonly fill?: string;
  readonly align?: "right";
}

interface Text {
  readonly type: "text";
  readonly x: number;
  readonly y: number;
  readonly style: TextStyle & { text: string; fontFamily: string; verticalAlign: "middle" };
}

/** In the middle of its line at `y`. */
function text(x: number, y: number, words: string, style: TextStyle = {}): Text {
  const usual = { fontFamily: "sans-serif", fontSize: 13, fill: INK.strong } as const;
  return {
    type: "text",
    x,
    y,
    style: { verticalAlign: "middle", text: words, ...usual, ...style },
  };
}

function labelOf(value: number, metric: Metric): string {
  return withUnit(numberText(value, digitsFor(value, metric)), metric.unit);
}

function cut(words: string, length: number): string {
  return words.length <= length ? words : `${words.slice(0, length - 1).trimEnd()}…`;
}

function hasRatios(bars: readonly Bar[]): boolean {
  return bars.some(({ ratio }) => ratio !== undefined);
}
