package lakehouse.logstore;

import java.io.IOException;
import org.apache.hadoop.fs.Path;

/** A commit that may not be tried at a later version: its rows were judged by a table that another writer has changed. */
public class AnotherWriterException extends IOException {
  private static final long serialVersionUID = 1L;

  AnotherWriterException(Path commit, Throwable cause) {
    super("Another writer commits to this table at the same time: " + commit, cause);
  }
}
