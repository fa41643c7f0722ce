"""The errors of the openEO API, by the codes that clients know.

Source: https://api.openeo.org/1.2.0/errors.json
"""

from collections.abc import Mapping

from twinlake.core.errors import TwinlakeError


class OpenEoError(TwinlakeError):
    """A failure in the words of openEO; processes have codes of their own beside those of the API."""

    code = "Internal"
    status = 500
    path: tuple[Mapping[str, str], ...] = ()
    """Of a failed process: ``node_id`` and ``process_id`` of its node and of those around it, outwards."""


class InternalError(OpenEoError):
    """The site failed in a way that nobody foresaw."""

    code = "Internal"
    status = 500


class NotFoundError(OpenEoError):
    """There is nothing at this address."""

    code = "NotFound"
    status = 404


class FeatureUnsupportedError(OpenEoError):
    """The API describes this and the site does not offer it."""

    code = "FeatureUnsupported"
    status = 501


class InfrastructureMaintenanceError(OpenEoError):
    """The site is being worked on."""

    code = "InfrastructureMaintenance"
    status = 503


class InfrastructureBusyError(OpenEoError):
    """The site has too much to do now."""

    code = "InfrastructureBusy"
    status = 503


class UnsupportedApiVersionError(OpenEoError):
    """The API is not served in this version."""

    code = "UnsupportedApiVersion"
    status = 404


class RequestTimeoutError(OpenEoError):
    """The work took longer than a request may."""

    code = "RequestTimeout"
    status = 408


class BudgetInvalidError(OpenEoError):
    """The budget is too low for anything to be done."""

    code = "BudgetInvalid"
    status = 400


class EstimateComplexityError(OpenEoError):
    """What the process will cost cannot be told beforehand."""

    code = "EstimateComplexity"
    status = 500


class NoDataForUpdateError(OpenEoError):
    """An update names nothing to change."""

    code = "NoDataForUpdate"
    status = 400


class PropertyNotEditableError(OpenEoError):
    """An update names what cannot be changed."""

    code = "PropertyNotEditable"
    status = 400


class CollectionNotFoundError(OpenEoError):
    """No collection has this id, or the caller may not see it."""

    code = "CollectionNotFound"
    status = 404


class StorageFailureError(OpenEoError):
    """Files could not be kept."""

    code = "StorageFailure"
    status = 500


class StorageQuotaExceededError(OpenEoError):
    """The caller's files have no more room."""

    code = "StorageQuotaExceeded"
    status = 400


class FileNotFoundError(OpenEoError):  # noqa: A001 - openEO calls it so
    """The caller has no file of this path."""

    code = "FileNotFound"
    status = 404


class FilePathInvalidError(OpenEoError):
    """The path of a file is none."""

    code = "FilePathInvalid"
    status = 400


class FileOperationUnsupportedError(OpenEoError):
    """Nothing of the kind can be done with the file of this path."""

    code = "FileOperationUnsupported"
    status = 400


class FolderOperationUnsupportedError(OpenEoError):
    """What can be done with files cannot be done with folders."""

    code = "FolderOperationUnsupported"
    status = 400


class ContentTypeInvalidError(OpenEoError):
    """The body has a media type that is not taken."""

    code = "ContentTypeInvalid"
    status = 400


class FileTypeInvalidError(OpenEoError):
    """Files of this format are not taken."""

    code = "FileTypeInvalid"
    status = 400


class FileSizeExceededError(OpenEoError):
    """The file is larger than is taken."""

    code = "FileSizeExceeded"
    status = 400


class FileContentInvalidError(OpenEoError):
    """The file is not what its name or type says."""

    code = "FileContentInvalid"
    status = 400


class FileLockedError(OpenEoError):
    """The file is in use."""

    code = "FileLocked"
    status = 400


class ProcessGraphNotFoundError(OpenEoError):
    """The caller has no user-defined process of this id."""

    code = "ProcessGraphNotFound"
    status = 404


class ProcessInvalidError(OpenEoError):
    """The process is no process."""

    code = "ProcessInvalid"
    status = 400


class ProcessGraphMissingError(OpenEoError):
    """The process has no graph."""

    code = "ProcessGraphMissing"
    status = 400


class ProcessGraphInvalidError(OpenEoError):
    """The graph is none: it cannot be read, has no result or goes in circles."""

    code = "ProcessGraphInvalid"
    status = 400


class PredefinedProcessExistsError(OpenEoError):
    """A process of the site has this id already."""

    code = "PredefinedProcessExists"
    status = 400


class ProcessGraphComplexityError(OpenEoError):
    """The process is too large to be run while somebody waits."""

    code = "ProcessGraphComplexity"
    status = 400


class ProcessUnsupportedError(OpenEoError):
    """There is no process of this id."""

    code = "ProcessUnsupported"
    status = 400


class ProcessParameterUnsupportedError(OpenEoError):
    """The process has no parameter of this name."""

    code = "ProcessParameterUnsupported"
    status = 400


class ProcessParameterInvalidError(OpenEoError):
    """The value of a parameter is not one that the process takes."""

    code = "ProcessParameterInvalid"
    status = 400


class ProcessParameterRequiredError(OpenEoError):
    """A parameter that the process cannot do without is not given."""

    code = "ProcessParameterRequired"
    status = 400


class JobNotFoundError(OpenEoError):
    """The caller has no batch job of this id."""

    code = "JobNotFound"
    status = 404


class JobLockedError(OpenEoError):
    """The batch job is queued or runs, and cannot be changed."""

    code = "JobLocked"
    status = 400


class JobNotFinishedError(OpenEoError):
    """The batch job has no results yet."""

    code = "JobNotFinished"
    status = 400


class JobNotStartedError(OpenEoError):
    """The batch job was never started."""

    code = "JobNotStarted"
    status = 400


class ResultLinkExpiredError(OpenEoError):
    """The signature of a link to results has run out."""

    code = "ResultLinkExpired"
    status = 410


class PaymentRequiredError(OpenEoError):
    """The caller's budget does not suffice."""

    code = "PaymentRequired"
    status = 402


class BillingPlanInvalidError(OpenEoError):
    """There is no such plan."""

    code = "BillingPlanInvalid"
    status = 400


class BillingPlanMissingError(OpenEoError):
    """A plan must be named."""

    code = "BillingPlanMissing"
    status = 400


class AuthenticationRequiredError(OpenEoError):
    """The caller must say who they are."""

    code = "AuthenticationRequired"
    status = 401


class AuthenticationSchemeInvalidError(OpenEoError):
    """The caller says who they are in a way that is not taken."""

    code = "AuthenticationSchemeInvalid"
    status = 403


class TokenInvalidError(OpenEoError):
    """The caller's token is not good, or not any more."""

    code = "TokenInvalid"
    status = 403


class CredentialsInvalidError(OpenEoError):
    """Name and password do not belong together."""

    code = "CredentialsInvalid"
    status = 403


class PermissionsInsufficientError(OpenEoError):
    """The caller is known and may not do this."""

    code = "PermissionsInsufficient"
    status = 403


class ServiceNotFoundError(OpenEoError):
    """The caller has no service of this id."""

    code = "ServiceNotFound"
    status = 404


class ServiceUnsupportedError(OpenEoError):
    """Services of this type are not offered."""

    code = "ServiceUnsupported"
    status = 400


class ServiceConfigUnsupportedError(OpenEoError):
    """Services of this type have no such setting."""

    code = "ServiceConfigUnsupported"
    status = 400


class ServiceConfigInvalidError(OpenEoError):
    """The setting of a service has a value that it cannot have."""

    code = "ServiceConfigInvalid"
    status = 400


class ServiceConfigRequiredError(OpenEoError):
    """A setting that services of this type cannot do without is not given."""

    code = "ServiceConfigRequired"
    status = 400


class ProcessError(OpenEoError):
    """A process cannot do what it was asked to, for a reason that its description names.

    Parameters
    ----------
    code
        The name of the reason, of the process's own `exceptions`.
    """

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.reason = code
