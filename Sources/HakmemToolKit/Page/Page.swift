import Mustache

/// A result as one self-contained HTML page: no scripts, no network, legible on a phone, in print,
/// light and dark. Charts are SVG and boxes placed in per cent, so that text keeps its size.
package enum Page {
  /// One workload's section.
  struct Section {
    var anchor: String
    var name: String
    var facts: String
    var legend: [LegendEntry]
    var speed: BarChart
    var charts: [LineChart]
    var hasCharts: Bool
    var figures: FigureTable?
  }

  struct LegendEntry {
    var name: String
    var style: String
  }

  struct Fact {
    var name: String
    var value: String
  }

  struct Change {
    var row: String
    var figure: String
    var ratio: String
    var interval: String
    var style: String
  }

  /// What the templates take.
  struct Model {
    var style: String
    var title: String
    var summary: String
    var date: String
    var ahead: Int
    var behind: Int
    var same: Int
    var hasVerdicts: Bool
    var ratios: [RatioChart]
    var scaling: [LineChart]
    var hasScaling: Bool
    var legend: [LegendEntry]
    var sections: [Section]
    var hasBaseline: Bool
    var baselineText: String
    var changes: [Change]
    var facts: [Fact]
    var allocators: [Fact]
    var notes: [String]
  }

  /// The page.
  ///
  /// - Parameter baseline: An older result to compare with.
  package static func html(_ result: BenchResult, baseline: BenchResult? = nil) throws -> String {
    let library = MustacheLibrary(templates: [
      "page": try MustacheTemplate(string: PageTemplates.page),
      "ratios": try MustacheTemplate(string: PageTemplates.ratios),
      "bars": try MustacheTemplate(string: PageTemplates.bars),
      "lines": try MustacheTemplate(string: PageTemplates.lines),
      "legend": try MustacheTemplate(string: PageTemplates.legend),
      "figures": try MustacheTemplate(string: PageTemplates.figures),
    ])
    return library.render(model(result, baseline: baseline), withTemplate: "page") ?? ""
  }

  static func anchor(_ index: Int) -> String { "row\(index + 1)" }

  private static func model(_ result: BenchResult, baseline: BenchResult?) -> Model {
    // The subject always has the first colour.
    let names = [result.subject] + result.allocators.map(\.name).filter { $0 != result.subject }
    let order = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    let legend = names.map { LegendEntry(name: $0, style: SeriesStyle.name(order[$0] ?? 0)) }
    let scaling = BenchCharts.scaling(result, order)
    let peers = names.count - 1
    let changes = baseline.map { BaselineComparison(new: result, old: $0) }
    return Model(
      style: PageStyle.sheet,
      title: "\(result.subject) beside \(peers) other allocator\(peers == 1 ? "" : "s")",
      summary: Summary.sentence(result), date: result.date,
      ahead: Summary.count(result, .ahead), behind: Summary.count(result, .behind),
      same: Summary.count(result, .noDifference),
      hasVerdicts: result.rows.contains { $0.best(.speed) != nil }, ratios: ratios(result),
      scaling: scaling, hasScaling: !scaling.isEmpty, legend: legend,
      sections: result.rows.enumerated().map {
        section($0, $1, result.subject, order, legend)
      },
      hasBaseline: changes != nil, baselineText: changes.map(baselineText) ?? "",
      changes: changes.map(changeRows) ?? [], facts: facts(result),
      allocators: result.allocators.map { allocator in
        let options = allocator.options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return Fact(
          name: allocator.name,
          value: ([allocator.version ?? "version unknown"] + options).joined(separator: ", "))
      }, notes: result.notes)
  }

  private static func ratios(_ result: BenchResult) -> [RatioChart] {
    let texts: [(BenchResult.Comparison.Quantity, String, String)] = [
      (
        .speed, "Speed against the best other allocator",
        "To the right \(result.subject) is faster. The line shows where the true ratio lies; when "
          + "it crosses 1, no difference is claimed."
      ),
      (
        .settledMemory, "Settled memory against the smallest other",
        "To the right \(result.subject) holds less resident memory once the work is done."
      ),
      (
        .peakMemory, "Peak memory against the smallest other",
        "To the right \(result.subject) needs less resident memory at most."
      ),
    ]
    return texts.compactMap { RatioChart(result, $0.0, title: $0.1, explanation: $0.2) }
  }

  private static func section(
    _ index: Int, _ row: BenchResult.Row, _ subject: String, _ order: [String: Int],
    _ legend: [LegendEntry]
  ) -> Section {
    var facts = row.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    if let floor = row.floor {
      facts.append("floor (the loop without an allocator) \(Figures.scaled(floor)) a second")
    }
    let charts = [BenchCharts.memory(row, order), BenchCharts.latency(row, order)].compactMap { $0 }
    return Section(
      anchor: anchor(index), name: row.id, facts: facts.joined(separator: ", "), legend: legend,
      speed: BarChart(row, subject: subject, order), charts: charts, hasCharts: !charts.isEmpty,
      figures: FigureTable(row, subject: subject))
  }

  private static func facts(_ result: BenchResult) -> [Fact] {
    var facts = result.machine.facts.map { Fact(name: $0.name, value: $0.value) }
    let method = result.method
    let length = method.seconds.map { " of \(Figures.seconds($0))" } ?? ""
    facts.append(
      Fact(
        name: "method",
        value: method.kind == "callgrind"
          ? "instructions counted by callgrind"
          : "\(method.rounds) rounds\(length), interleaved in random order, seed \(method.seed); "
            + "medians; ratios within rounds; at most 5 % of the differences named are chance"))
    let variables = method.environment.merging(method.options) { own, _ in own }
    facts.append(
      Fact(
        name: "options",
        value: variables.isEmpty
          ? "defaults"
          : variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            .joined(separator: ", ")))
    facts.append(Fact(name: "tool", value: "hakmem \(result.tool)"))
    return facts
  }

  private static func baselineText(_ comparison: BaselineComparison) -> String {
    let moved = comparison.changes.filter(\.moved).count
    return "\(moved) of \(comparison.changes.count) figures moved beyond noise. "
      + (comparison.references.isEmpty || comparison.isCounted
        ? "Speeds are compared as they are."
        : "Speeds are relative to \(comparison.references.joined(separator: ", ")).")
  }

  private static func changeRows(_ comparison: BaselineComparison) -> [Change] {
    comparison.changes.filter(\.moved).map {
      Change(
        row: $0.row, figure: BaselineText.quantity($0.quantity), ratio: Figures.ratio($0.ratio),
        interval: Figures.interval($0.interval), style: $0.ratio > 1 ? "ahead" : "behind")
    }
  }
}
