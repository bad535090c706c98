package lakehouse.logstore;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.fs.s3a.AWSServiceIOException;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;

/**
 * Delta Lake's log on S3, where each version has exactly one commit: it is put with {@code If-None-Match: *}.
 *
 * <p>Delta's own log store for S3 looks whether a version is there and then puts it; another process may commit in between, and its
 * commit is overwritten without an error on either side. S3A sends the header only for a stream that asks for it.
 *
 * <p>A session may name the one version that its next commit may have ({@code VERSION}). Delta would move a commit that only adds
 * files behind any other commit; rows that were judged by the table as it was before may not be moved.
 */
public class ExclusiveLogStore extends HadoopFileSystemLogStore {
  private static final String CONDITIONAL = "fs.option.create.conditional.overwrite";
  private static final String VERSION = "spark.lakehouse.commitVersion";
  private static final int CONFLICT = 409;
  private static final int TRIES = 5;
  private static final long FIRST_PAUSE_MILLISECONDS = 50;

  public ExclusiveLogStore(Configuration conf) {
    super(conf);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
    byte[] content = joined(actions);
    FileSystem fs = path.getFileSystem(conf);
    if (overwrite) {
      put(fs.create(path, true), content);
      return;
    }
    if (!fs.hasPathCapability(path, CONDITIONAL)) {
      throw new UnsupportedFileSystemException(
          "Two writers could overwrite each other's commits: this file system cannot create a file only where there is none: " + path);
    }
    String version = path.getName().matches("\\d{20}\\.json") ? conf.get(VERSION) : null;
    if (version != null && !path.getName().equals(String.format("%020d.json", Long.parseLong(version)))) {
      throw new AnotherWriterException(path, null);
    }
    try {
      create(fs, path, content);
    } catch (RemoteFileChangedException taken) {
      // 412. It may be this very commit: S3 did it, the answer was lost, and S3A asked again. Delta gives each commit an id.
      if (Arrays.equals(content, read(fs, path))) {
        return;
      }
      if (version != null) {
        throw new AnotherWriterException(path, taken);
      }
      FileAlreadyExistsException exists = new FileAlreadyExistsException(path.toString());
      exists.initCause(taken);
      throw exists;
    }
  }

  /** A put is there whole or not at all. */
  @Override
  public Boolean isPartialWriteVisible(Path path, Configuration conf) {
    return false;
  }

  /** Tries again after a 409 (ConditionalRequestConflict): it says that two writes met, and not that the other one was done. */
  private static void create(FileSystem fs, Path path, byte[] content) throws IOException {
    for (int tries = 1; ; tries++) {
      try {
        FSDataOutputStreamBuilder<?, ?> builder = fs.createFile(path);
        builder.create().overwrite(true).recursive();
        builder.must(CONDITIONAL, true);
        put((FSDataOutputStream) builder.build(), content);
        return;
      } catch (AWSServiceIOException answer) {
        if (answer.statusCode() != CONFLICT) {
          throw answer;
        }
        if (tries == TRIES) {
          throw new AnotherWriterException(path, null);
        }
        pause(FIRST_PAUSE_MILLISECONDS << tries);
      }
    }
  }

  private static void put(FSDataOutputStream out, byte[] content) throws IOException {
    try {
      out.write(content);
    } catch (IOException error) {
      // To close it would put what was written so far.
      out.abort();
      throw error;
    }
    out.close();
  }

  private static byte[] read(FileSystem fs, Path path) throws IOException {
    try (FSDataInputStream in = fs.open(path)) {
      return in.readAllBytes();
    }
  }

  private static byte[] joined(Iterator<String> actions) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      content.writeBytes((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    return content.toByteArray();
  }

  private static void pause(long milliseconds) throws IOException {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException("The commit was interrupted.", interrupted);
    }
  }
}
