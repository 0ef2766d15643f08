import Foundation

/// Stacks as speedscope reads them. Source: https://www.speedscope.app/file-format-schema.json
struct SpeedscopeFile: Encodable {
  struct Frame: Encodable {
    var name: String
    var file: String
  }
  struct Shared: Encodable { var frames: [Frame] }
  struct Profile: Encodable {
    var type = "sampled"
    var name: String
    var unit: String
    var startValue = 0
    var endValue: Int
    var samples: [[Int]]
    var weights: [Int]
  }
  enum CodingKeys: String, CodingKey {
    case schema = "$schema"
    case shared, profiles, name, exporter
  }

  var schema = "https://www.speedscope.app/file-format-schema.json"
  var shared: Shared
  var profiles: [Profile]
  var name: String
  var exporter = "hakmem \(Version.tool)"

  init(_ stacks: [StackProfile], name: String) {
    self.name = name
    var frames: [Frame] = []
    profiles = stacks.map { stacks in
      let first = frames.count
      frames += stacks.frames.map { Frame(name: $0.function, file: $0.object) }
      return Profile(
        name: stacks.title, unit: stacks.unit == "bytes" ? "bytes" : "none", endValue: stacks.total,
        samples: stacks.stacks.map { $0.reversed().map { Int($0) + first } },
        weights: stacks.values)
    }
    shared = Shared(frames: frames)
  }
}
