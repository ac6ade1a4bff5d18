"""What was received and is in no answer: events set aside in the journal, and entries the index refuses.

A follower's output beside the others: which rows were set aside and what became of them since, by the administrators'
acts that the journal holds. Rebuilt from the journal by deleting the file.
"""

from receiver.deadletter.acts import Place, dropped, retried, retry_requested
from receiver.deadletter.reader import DeadletterReader
from receiver.deadletter.table import FILE, State
from receiver.deadletter.writer import DeadletterWriter

__all__ = ["FILE", "DeadletterReader", "DeadletterWriter", "Place", "State", "dropped", "retried", "retry_requested"]
