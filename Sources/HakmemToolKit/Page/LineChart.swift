/// Lines over a common axis: memory over time, latency, scaling.
struct LineChart {
  /// One allocator's line.
  struct Series {
    /// Its place among the allocators: it decides the colour.
    var index: Int
    var name: String
    var points: [(x: Double, y: Double)]
  }

  /// A line as the template takes it.
  struct Line {
    var style: String
    var name: String
    /// "x,y x,y …" in a field of 1000 × 1000.
    var points: String
    /// Whether it is a single point, which a line would not show.
    var isDot: Bool
  }

  let title: String
  let description: String
  let xTitle: String
  let xTicks: [Scale.Tick]
  let yTicks: [Scale.Tick]
  /// Heights of the grid's lines in the field.
  let yGrid: [String]
  let lines: [Line]

  init(
    title: String, description: String, xTitle: String, x: Scale, y: Scale,
    xLabel: (Double) -> String, yLabel: (Double) -> String, series: [Series]
  ) {
    self.title = title
    self.description = description
    self.xTitle = xTitle
    xTicks = x.ticks(xLabel)
    yTicks = y.ticks(yLabel)
    yGrid = y.tickValues.map { Scale.number(1000 * (1 - y.share($0))) }
    // The first allocator is drawn last, on top of the others.
    lines = series.reversed().map { series in
      let places = series.points.map { point in
        Scale.number(1000 * x.share(point.x)) + "," + Scale.number(1000 * (1 - y.share(point.y)))
      }
      return Line(
        style: SeriesStyle.name(series.index), name: series.name,
        points: places.joined(separator: " "), isDot: places.count == 1)
    }
  }
}

/// The class of an allocator's lines and bars; the style sheet gives it a colour and a dash.
enum SeriesStyle {
  private static let others = 11

  /// The subject, 0, alone has the first colour; the others share the rest.
  static func name(_ index: Int) -> String { index == 0 ? "s0" : "s\((index - 1) % others + 1)" }
}
