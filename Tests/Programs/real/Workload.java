import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * Native memory as Java uses it: direct buffers, compression, threads. Prints one checksum. The
 * argument is the name of the library that must be loaded, or nothing.
 */
public class Workload {
  private static long work(int salt) throws Exception {
    CRC32 sum = new CRC32();
    for (int i = 0; i < 300; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(1000 + (i * 7919 + salt) % 100000);
      while (buffer.hasRemaining()) {
        buffer.put((byte) (buffer.position() / 64 + i));
      }
      buffer.flip();
      byte[] plain = new byte[buffer.remaining()];
      buffer.get(plain);
      Deflater deflater = new Deflater();
      deflater.setInput(plain);
      deflater.finish();
      byte[] packed = new byte[plain.length + 1000];
      int length = deflater.deflate(packed);
      deflater.end();
      Inflater inflater = new Inflater();
      inflater.setInput(packed, 0, length);
      byte[] again = new byte[plain.length];
      if (inflater.inflate(again) != plain.length) {
        throw new IllegalStateException("inflate");
      }
      inflater.end();
      sum.update(again);
    }
    TreeMap<String, Integer> map = new TreeMap<>();
    for (int i = 0; i < 50000; i++) {
      map.merge("key " + i % 997, i, Integer::sum);
    }
    sum.update(map.toString().getBytes());
    return sum.getValue();
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length > 0
        && !Files.readString(Path.of("/proc/self/maps")).contains(arguments[0])) {
      throw new IllegalStateException("the library is not loaded");
    }
    long[] results = new long[4];
    Thread[] threads = new Thread[4];
    for (int i = 0; i < 4; i++) {
      int number = i;
      threads[i] =
          new Thread(
              () -> {
                try {
                  results[number] = work(number);
                } catch (Exception exception) {
                  throw new RuntimeException(exception);
                }
              });
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    for (long result : results) {
      System.out.println(result);
    }
  }
}
