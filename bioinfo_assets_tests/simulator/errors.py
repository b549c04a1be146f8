"""What the services answer when they refuse."""


class ApiError(Exception):
    """An error answer: its HTTP status, the code that boto3 puts into `error.response["Error"]["Code"]`, its words."""

    def __init__(self, message: str, code: str = "ClientException", status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status
