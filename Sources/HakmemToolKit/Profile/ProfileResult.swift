import Foundation

/// What a profile found. Encoded it is the report's JSON.
package struct ProfileResult: Codable, Sendable {
  package struct Figure: Codable, Sendable {
    package var name: String
    package var value: String
    package var target: String?
    /// "ok", "missed", "not supported", or nothing where there is no target.
    package var status: String?
  }

  package struct OwnerRow: Codable, Sendable {
    package var owner: String
    package var faults: Int
    package var causes: [String: Int]
    package var phases: [String: Int]
  }

  package struct ClassRow: Codable, Sendable {
    package var blockBytes: Int
    package var faults: Int
  }

  package struct Faults: Codable, Sendable {
    /// Samples, one for each fault of an instruction.
    package var sampled: Int
    /// What the counting event says, and what the kernel charged the processes with.
    package var counted: Int?
    package var charged: Int
    package var lost: Int
    /// They sum to what was charged, or counted if that is more; the last two have no samples.
    package var owners: [OwnerRow]
    package var classes: [ClassRow]
  }

  package struct LayerRow: Codable, Sendable {
    package var layer: String
    package var samples: Int
    package var share: Double
  }

  package struct FunctionRow: Codable, Sendable {
    package var function: String
    package var object: String
    package var own: Int
    package var all: Int
  }

  package struct Time: Codable, Sendable {
    package var samplesPerSecond: Int
    package var samples: Int
    package var layers: [LayerRow]
    package var functions: [FunctionRow]
  }

  package var command: [String]
  package var date: String
  package var ending: String
  package var seconds: Double
  package var userSeconds: Double
  package var systemSeconds: Double
  /// Nil when the program ended too soon for samples.
  package var peakKiB: Int?
  package var processes: Int
  package var summary: [Figure] = []
  package var faults: Faults?
  package var time: Time?
  package var heap: HeapResult?
  /// Where the resident memory was when there was most of it; of a process that is watched, when the
  /// watching ends. Missing for programs that end at once.
  package var ledger: Ledger?
  /// When that was, in seconds after the start.
  package var ledgerSeconds: Double?
  /// The heap's last events, oldest first.
  package var events: [HeapEvent]?
  /// Whether something is missing, and what.
  package var isPartial: Bool
  package var notes: [String]
}
