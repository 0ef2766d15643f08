/// Why a program is not run on HAKMEM: one sentence, and the exit status that says so. The
/// statuses are those of env(1), nohup(1) and other programs that run programs.
package struct Refusal: Error, Equatable, CustomStringConvertible {
  /// Kinds of refusal, with their exit status.
  package enum Kind: Int32, Sendable {
    /// The tool itself lacks something: the library, a valid option.
    case missingLibrary = 125
    /// The program exists, but cannot be run, or not on HAKMEM.
    case unsuitable = 126
    /// There is no such program.
    case notFound = 127
  }

  package let kind: Kind
  package let description: String

  package init(_ kind: Kind, _ sentence: String) {
    self.kind = kind
    description = sentence
  }
}
