import Foundation
import Mustache

/// A profile as one self-contained HTML page: tables, bars and flame graphs. Flame graphs are drawn
/// by a script of its own; nothing is loaded from anywhere.
enum ProfilePage {
  struct Bar {
    var name: String
    var width: String
    var value: String
    var note: String
    var style: String
  }
  struct BarSection {
    var title: String
    var sentence: String
    var bars: [Bar]
  }
  struct Row {
    var name: String
    var value: String
    var target: String
    var status: String
    var style: String
  }
  struct Graph {
    var anchor: String
    var title: String
    var unit: String
  }
  struct Event {
    var time: String
    var text: String
  }
  struct EventTable {
    var events: [Event]
  }
  /// The heap map over time, if there is one.
  struct Film {
    var last: Int
    var data: String
  }
  struct Model {
    var style: String
    var title: String
    var lead: String
    var isPartial: Bool
    var summary: [Row]
    var sections: [BarSection]
    /// One, if there are events.
    var eventTables: [EventTable]
    var film: [Film]
    var graphs: [Graph]
    var notes: [String]
    var data: String
    var script: String
  }

  static func html(_ outcome: ProfileRun.Outcome) throws -> String {
    let result = outcome.result
    let profiles = outcome.profiles.filter { $0.total > 0 }
    let library = MustacheLibrary(templates: [
      "page": try MustacheTemplate(string: ProfilePageTemplate.page)
    ])
    let events = (result.events ?? []).map { Event(time: EventsText.time($0), text: $0.text) }
    let model = Model(
      style: PageStyle.sheet + ProfilePageTemplate.style,
      title: result.command.joined(separator: " "),
      lead: "\(result.ending) after \(Figures.seconds(result.seconds)), \(result.date)",
      isPartial: result.isPartial,
      summary: result.summary.map {
        Row(
          name: $0.name, value: $0.value, target: $0.target ?? "", status: $0.status ?? "",
          style: $0.status == "ok" ? "ahead" : $0.status == "missed" ? "behind" : "none")
      }, sections: sections(result),
      eventTables: events.isEmpty ? [] : [EventTable(events: events)],
      film: outcome.frames.isEmpty
        ? []
        : [
          Film(
            last: outcome.frames.count - 1,
            data: String(decoding: try JSONEncoder().encode(outcome.frames), as: UTF8.self))
        ],
      graphs: profiles.enumerated().map {
        Graph(anchor: "flame\($0)", title: $1.title, unit: $1.unit)
      }, notes: result.notes, data: try data(profiles), script: ProfilePageTemplate.script)
    return library.render(model, withTemplate: "page") ?? ""
  }

  private static func sections(_ result: ProfileResult) -> [BarSection] {
    var sections: [BarSection] = []
    if let faults = result.faults {
      sections.append(
        BarSection(
          title: "Page faults by owner of the address",
          sentence:
            "\(faults.sampled) faults sampled, \(faults.counted ?? 0) counted by the kernel, which "
            + "charged \(faults.charged).",
          bars: bars(
            faults.owners.map { row in
              let causes = FaultCause.allCases.compactMap { cause in
                row.causes[cause.rawValue].map { "\($0) \(cause.rawValue)" }
              }
              return (row.owner, row.faults, causes.joined(separator: ", "))
            })))
    }
    if let time = result.time, time.samples > 0 {
      sections.append(
        BarSection(
          title: "Time by layer", sentence: "\(time.samples) samples of the processor's clock.",
          bars: bars(time.layers.map { ($0.layer, $0.samples, "") })))
    }
    if let heap = result.heap {
      let sizes = heap.sizes.enumerated().filter { $0.element > 0 }.map {
        ("from \(Figures.bytes(1 << $0.offset))", $0.element, "")
      }
      let lifetimes = heap.lifetimes.enumerated().filter { $0.element > 0 }.map {
        ($0.offset == 0 ? "up to 1 ms" : "from \(1 << $0.offset) ms", $0.element, "")
      }
      sections.append(
        BarSection(
          title: "Allocations by size",
          sentence: "\(heap.totalCount) blocks, \(Figures.bytes(heap.totalBytes)); at the peak "
            + "\(Figures.bytes(heap.peakBytes)), at the end \(Figures.bytes(heap.liveBytes)).",
          bars: bars(sizes)))
      sections.append(
        BarSection(
          title: "Freed blocks by lifetime",
          sentence: "\(heap.temporaryCount) were freed before their thread allocated again.",
          bars: bars(lifetimes)))
    }
    if let ledger = result.ledger {
      sections.append(
        BarSection(
          title: ProfileText.ledgerTitle(result),
          sentence: "\(Figures.bytes(ledger.resident)), as the kernel counts.",
          bars: bars(ledger.lines.map { ($0.title, $0.resident, $0.release) }, Figures.bytes)))
    }
    return sections.filter { !$0.bars.isEmpty }
  }

  private static func bars(
    _ rows: [(String, Int, String)], _ text: (Int) -> String = { "\($0)" }
  ) -> [Bar] {
    let total = rows.reduce(0) { $0 + $1.1 }
    let largest = max(rows.map(\.1).max() ?? 1, 1)
    return rows.enumerated().map { index, row in
      Bar(
        name: row.0, width: Scale.number(1000 * Double(row.1) / Double(largest)),
        value: "\(text(row.1)) · \(ProfileText.percent(row.1, total)) %", note: row.2,
        style: SeriesStyle.name(index))
    }
  }

  private struct Tree: Encodable {
    var title: String
    var unit: String
    var names: [String]
    var parents: [Int]
    var frames: [Int]
    var values: [Int]
  }

  /// The flame graphs' data, safe inside a script element.
  private static func data(_ profiles: [StackProfile]) throws -> String {
    let trees = profiles.map { profile in
      let tree = FlameTree(profile)
      // Only the names that are drawn.
      var numbers: [Int: Int] = [:]
      var names: [String] = []
      let frames = tree.frames.map { frame -> Int in
        guard frame >= 0 else { return -1 }
        if let known = numbers[frame] { return known }
        numbers[frame] = names.count
        let named = profile.frames[frame]
        names.append(named.object.isEmpty ? named.function : "\(named.function) · \(named.object)")
        return names.count - 1
      }
      return Tree(
        title: profile.title, unit: profile.unit, names: names, parents: tree.parents,
        frames: frames, values: tree.values)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    return String(decoding: try encoder.encode(trees), as: UTF8.self)
      .replacing("<", with: "\\u003c")
  }
}
