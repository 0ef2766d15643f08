/// Why a benchmark cannot be run, one sentence.
package struct BenchFailure: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ sentence: String) { description = sentence }
}
